"""Pages of events by what became of them, on both databases."""

from datetime import UTC, datetime

from relay.storage.batches import insert_rows
from relay.storage.database import Database
from relay.storage.reads import events as reads
from relay.storage.reads.events import Filter
from relay.storage.reads.page import Cut
from relay.storage.tables.events import event_outcomes, events

NOW = datetime(2026, 5, 12, 14, 31, tzinfo=UTC)


def _event(id: int, org: int) -> dict[str, object]:
    return {
        "id": id, "org_id": org, "kind": "delivery", "source_id": 1, "state": "accepted",
        "received_at": NOW,
    }  # fmt: skip


def test_events_of_one_outcome_are_paged_newest_first_and_to_the_end(db: Database) -> None:
    with db.write() as conn:
        insert_rows(conn, events, [_event(id, 1 + id % 2) for id in range(1, 41)])
        decided = [
            {"event_id": id, "org_id": 1 + id % 2, "state": state, "at": NOW}
            for id in range(1, 31)
            for state in ("unreadable" if id % 3 == 0 else "routed",)
        ]
        insert_rows(conn, event_outcomes, decided)
    found: list[int] = []
    before = None
    with db.read() as conn:
        while True:
            cut = Cut(before=before, size=2)
            page = reads.page(conn, 1, Filter(state="unreadable"), cut)
            found += [row.id for row in page.rows]
            if (before := page.older) is None:
                break
    assert found == [30, 24, 18, 12, 6]
