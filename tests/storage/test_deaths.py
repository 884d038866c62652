"""Work that workers died with: who may claim it, in which order, and how long."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text, update

from relay.storage import deaths, sends, work
from relay.storage.database import Database
from relay.storage.deaths import MOST
from relay.storage.sends import FIRST, Room
from relay.storage.statements import POSTGRESQL, SQLITE
from relay.storage.tables.work import work as table
from relay.storage.work import Kind, NewWork

LONG = 60.0
RUN, DELIVERY = Kind.RUN, Kind.DELIVERY


def put(db: Database, *rows: tuple[int, int | None, int], kind: Kind = RUN) -> None:
    """Rows of (id, key, deaths)."""
    with db.write() as conn:
        new = [NewWork(id=id, org=1, okey=okey, target=6) for id, okey, _ in rows]
        work.add(db, conn, kind, new)
        for id, _, died in [row for row in rows if row[2]]:
            its = (table.c.kind == int(kind), table.c.id == id)
            conn.execute(update(table).where(*its).values(deaths=died))


def waiting(db: Database) -> list[int]:
    return [one.id for one in deaths.waiting(db)]


def alone(db: Database, id: int, kind: Kind = RUN) -> deaths.Suspect | None:
    return deaths.claim(db, kind, id, seconds=LONG, token=9)


def test_no_ordinary_claim_takes_what_a_worker_died_with(db: Database) -> None:
    for kind in (RUN, DELIVERY):
        put(db, (1, 7, 0), (2, 8, 1), (3, None, MOST), kind=kind)
    assert work.overdue(db, RUN, grace=-1.0) == [1]
    assert sends.overdue(db, FIRST, limit=9, grace=-1.0) == [1]
    assert work.successors(db, RUN, [8], seconds=LONG, token=1) == []
    assert sends.heads(db, [8], Room(), seconds=LONG, token=1) == []
    assert [one.id for one in work.top_up(db, RUN, seconds=-1.0, token=1)] == [1]
    assert [one.id for one in work.claim(db, RUN, [1, 2, 3], seconds=LONG, token=1)] == [1]
    assert [one.id for one in sends.backlog(db, FIRST, Room(), seconds=-1.0, token=1)] == [1]
    assert [one.id for one in sends.claim(db, [1, 2, 3], Room(), seconds=LONG, token=1)] == [1]


def test_it_is_claimed_by_itself_the_least_suspected_first_and_in_the_order_of_its_key(
    db: Database,
) -> None:
    put(db, (1, None, 2), (2, 7, 1), (3, 7, 1), (4, None, 0), (5, None, MOST), (6, None, 1))
    assert waiting(db) == [2, 6, 1]
    assert [alone(db, id) for id in (3, 4, 5)] == [None, None, None]
    assert alone(db, 2) == deaths.Suspect(
        kind=RUN, id=2, org=1, okey=7, attempts=1, target=6, lane=FIRST, deaths=1, token=9
    )
    assert alone(db, 2) is None
    assert waiting(db) == [6, 1]


def test_who_lays_it_down_in_order_has_not_died_of_it(db: Database) -> None:
    put(db, (1, None, 2))
    put(db, (1, None, 2), kind=DELIVERY)
    run, delivery = alone(db, 1), alone(db, 1, DELIVERY)
    assert run is not None
    assert delivery is not None
    with db.write() as conn:
        assert work.retry(db, conn, RUN, 1, token=9, seconds=-1.0)
        sends.again(db, conn, {delivery.sending: -1.0}, lane=FIRST)
    assert [one.id for one in work.claim(db, RUN, [1], seconds=LONG, token=1)] == [1]
    assert [one.id for one in sends.claim(db, [1], Room(), seconds=LONG, token=1)] == [1]


def test_what_enough_of_them_died_with_is_left_to_who_gives_it_up_once_its_lease_is_over(
    db: Database,
) -> None:
    put(db, (1, None, MOST), (2, None, MOST), (3, None, MOST - 1))
    with db.write() as conn:
        future = datetime(2100, 1, 1, tzinfo=UTC)
        conn.execute(update(table).where(table.c.id == 2).values(lease_until=future))
    assert waiting(db) == [3]
    assert [one.id for one in deaths.worn(db, seconds=LONG, token=5)] == [1]
    assert deaths.worn(db, seconds=LONG, token=6) == []
    with db.write() as conn:
        assert work.fence(db, conn, RUN, [1], token=5) == {1}


STATEMENTS = {
    "claim": "pk_work", "top_up": "ix_work_due", "due": "ix_work_due",
    "successors": "ix_work_okey",
}  # fmt: skip


@pytest.mark.parametrize("name", [*STATEMENTS, "waiting", "worn"])
def test_every_claim_goes_along_an_index(db: Database, name: str) -> None:
    is_lite = db.dialect == "sqlite"
    put(db, *[(id, id % 40, 0) for id in range(1, 2001)])
    ids = "[1,2]" if is_lite else "{1,2}"
    given = {"kind": 3, "ids": ids, "keys": ids, "seconds": LONG, "token": 1, "limit": 64,
             "most": MOST}  # fmt: skip
    known = getattr(SQLITE if is_lite else POSTGRESQL, name, None)
    asked = known if name in STATEMENTS else deaths.statement(db.dialect, name)
    with db.claims() as conn:
        if not is_lite:
            conn.execute(text("ANALYZE work"))
        explain = "EXPLAIN QUERY PLAN" if is_lite else "EXPLAIN (COSTS off)"
        plan = conn.execute(text(f"{explain} {asked}"), given).all()
    told = "\n".join(str(row[-1]) for row in plan)
    wanted = STATEMENTS.get(name, "ix_work_deaths")
    assert ("PRIMARY KEY" if is_lite and wanted == "pk_work" else wanted) in told
    assert "Seq Scan on work" not in told
