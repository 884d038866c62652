"""Runs, steps, attempts, firings, bookings: written in chunks, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.core import ids
from relay.storage.batches import Way, insert_fresh, update_rows
from relay.storage.bundle import Bundle
from relay.storage.tables.runs import attempts, bookings, firings, runs, steps

Row = Mapping[str, Any]


def _upsert(conn: Connection) -> Any:
    return postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert


def claim_firings(conn: Connection, rows: Sequence[Row]) -> set[int]:
    """The run ids whose firing was new; the unique key decides, and who loses runs nothing."""
    return insert_fresh(conn, firings, rows, told="run_id")


def fired_before(
    conn: Connection, org: int, rule: str, item: str, since: datetime | None
) -> int | None:
    """The newest run of a rule for an item, since a time or ever."""
    query = select(firings.c.run_id).where(
        firings.c.org_id == org, firings.c.rule_id == rule, firings.c.item_id == item
    )
    if since is not None:
        query = query.where(firings.c.at > since)
    return conn.execute(query.order_by(firings.c.at.desc()).limit(1)).scalar_one_or_none()


# Steps are written anew, or over what an earlier try wrote.
_AGAIN = Way(by=("run_id", "n"), keep=("started_at",))


def gather(
    bundle: Bundle, *, new: Sequence[Row], steps_of: Sequence[Row], tries: Sequence[Row]
) -> None:
    """Runs that are new, steps, and tries at them, to be written with what else is in the
    bundle."""
    bundle.add(runs, new)
    bundle.add(steps, steps_of, _AGAIN)
    bundle.add(attempts, tries)


def update_runs(conn: Connection, rows: Sequence[Row]) -> None:
    """Sets what is given of runs, each named by its `id`. All rows have the same keys."""
    update_rows(conn, runs, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run that goes on: its row and what its steps have given so far."""

    id: int
    org: int
    event: int
    rule_id: str
    rule_hash: str
    set_hash: str
    state: str
    item_id: str | None
    about: str | None
    trigger: int
    depth: int
    replay_of: int | None
    steps: Mapping[int, Row] = field(default_factory=dict)


def read_runs(conn: Connection, wanted: Sequence[int]) -> list[StoredRun]:
    """The runs with their steps, by id."""
    rows = conn.execute(select(runs).where(runs.c.id.in_(wanted)).order_by(runs.c.id)).all()
    done = conn.execute(
        select(
            steps.c.run_id,
            steps.c.n,
            steps.c.step_id,
            steps.c.use,
            steps.c.state,
            steps.c.output,
            steps.c.error,
            steps.c.attempts,
            steps.c.sent,
            steps.c.started_at,
        ).where(steps.c.run_id.in_(wanted))
    ).all()
    by_run: dict[int, dict[int, Row]] = {}
    for row in done:
        by_run.setdefault(row.run_id, {})[row.n] = dict(row._mapping)
    return [
        StoredRun(
            id=row.id,
            org=row.org_id,
            event=row.event_id,
            rule_id=row.rule_id,
            rule_hash=row.rule_hash,
            set_hash=row.set_hash,
            state=row.state,
            item_id=row.item_id,
            about=row.about,
            trigger=row.trigger,
            depth=row.depth,
            replay_of=row.replay_of,
            steps=by_run.get(row.id, {}),
        )
        for row in rows
    ]


def fail_steps(conn: Connection, wanted: Sequence[int], reason: str, at: datetime) -> None:
    """Ends the steps that were in hand; what they were given, and whether they may have been sent,
    stays."""
    conn.execute(
        update(steps)
        .where(steps.c.run_id.in_(wanted), steps.c.state == "waiting")
        .values(state="failed", error=reason, ended_at=at)
    )


# --- bookings ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One sale at one provider. `key` is the idempotency key of its present generation.

    state: `open` (never sent, or definitely refused), `sent` (outcome unknown), `booked`.
    """

    id: int
    number: str
    generation: int
    state: str
    run: int
    output: Mapping[str, object] | None
    key: str


def open_booking(
    conn: Connection,
    org: int,
    *,
    connection: int,
    verb: str,
    item: str,
    label: str,
    run: int,
    at: datetime,
    prefix: str = "CRM-",
) -> Booking:
    """The one row for this sale, made if it is the first. The unique key decides. A number that was
    given once stays, whatever the prefix becomes."""
    identity = (str(org), str(connection), verb, item, label)
    statement = _upsert(conn)(bookings)
    conn.execute(
        statement.values(
            org_id=org,
            connection_id=connection,
            verb=verb,
            item_id=item,
            label=label,
            number=f"{prefix}{ids.digest(*identity)}",
            state="open",
            run_id=run,
            created_at=at,
        ).on_conflict_do_nothing(
            index_elements=["org_id", "connection_id", "verb", "item_id", "label"]
        )
    )
    row = conn.execute(
        select(bookings)
        .where(
            bookings.c.org_id == org,
            bookings.c.connection_id == connection,
            bookings.c.verb == verb,
            bookings.c.item_id == item,
            bookings.c.label == label,
        )
        .with_for_update()
    ).one()
    return Booking(
        id=row.id,
        number=row.number,
        generation=row.generation,
        state=row.state,
        run=row.run_id,
        output=row.output,
        key=ids.digest("booking", *identity, str(row.generation)),
    )


def mark_sent(conn: Connection, booking: int, run: int) -> None:
    """From now on, until a definite answer, the sale may stand in the provider's books."""
    conn.execute(update(bookings).where(bookings.c.id == booking).values(state="sent", run_id=run))


def mark_refused(conn: Connection, booking: int) -> None:
    """A definite no: nothing was booked, and the next try needs a new idempotency key."""
    conn.execute(
        update(bookings)
        .where(bookings.c.id == booking, bookings.c.state != "booked")
        .values(state="open", generation=bookings.c.generation + 1)
    )


def renew_key(conn: Connection, booking: int) -> None:
    """The next try needs a new idempotency key, and has to look first all the same."""
    conn.execute(
        update(bookings)
        .where(bookings.c.id == booking, bookings.c.state == "sent")
        .values(generation=bookings.c.generation + 1)
    )


def mark_booked(
    conn: Connection,
    booking: int,
    *,
    output: Mapping[str, object],
    amount: str | None,
    currency: str | None,
    at: datetime,
) -> None:
    """The sale stands in the provider's books."""
    conn.execute(
        update(bookings)
        .where(bookings.c.id == booking)
        .values(
            state="booked",
            output=dict(output),
            external_id=_text(output.get("id")),
            external_number=_text(output.get("number")),
            url=_text(output.get("url")),
            amount=amount,
            currency=currency,
            booked_at=at,
        )
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
