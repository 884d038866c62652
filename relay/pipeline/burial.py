"""What three workers in a row have died with is not tried again: it is kept for a person, who may
have it done again. Nothing of it is read or worked out here, for they may have died of that."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from relay import log as logging
from relay.pipeline.act import LEASE as RUN_LEASE
from relay.pipeline.act import NO_RULE
from relay.pipeline.deliver import BLOCKED_FOR
from relay.pipeline.execution import OPEN_STATES, Execution
from relay.pipeline.remote_watch import ASLEEP
from relay.pipeline.settle import settle
from relay.runtime import Runtime
from relay.storage import connections, deaths, events, identity, runs, sends, troubles, watch, work
from relay.storage import deliveries as stored_deliveries
from relay.storage.deaths import MOST, Suspect
from relay.storage.work import Kind

SECONDS = 60.0
_SO_OFTEN = f"Relay's worker broke down {MOST} times in a row"
HANDLING = f"{_SO_OFTEN} while handling it: it was put aside, so that everything else goes on"
SENDING = f"{_SO_OFTEN} while sending it: it was put aside, so that everything else goes on"
LOOKING = f"{_SO_OFTEN} while looking for changes there: let it go on when that is mended"
RUNNING = (
    f"{_SO_OFTEN} at this step: the run was stopped, so that everything else goes on."
    " What the step asked for may have been done"
)
_PLACES = {Kind.EVENT: "parse", Kind.COMPLETION: "complete", Kind.DELIVERY: "deliver"}
log = logging.get()


def bury(runtime: Runtime, token: int) -> int:
    """Takes it out of the way; how much that was. What waited behind it is the sweep's."""
    found = deaths.worn(runtime.db, seconds=SECONDS, token=token)
    for kind in sorted({one.kind for one in found}):
        its = [one for one in found if one.kind is kind]
        log.error("workers_died_with", kind=kind.name.lower(), ids=[one.id for one in its])
        if kind is Kind.RUN:
            _runs(runtime, [one.id for one in its], token)
            continue
        now = runtime.clock.now()
        with runtime.db.write() as conn:
            match kind:
                case Kind.DELIVERY:
                    _deliveries(runtime, conn, its, now)
                case Kind.WATCH:
                    _watches(runtime, conn, its, token, now)
                case Kind.MAIL:
                    _mails(runtime, conn, its, token, now)
                case _:
                    _events(runtime, conn, kind, its, token, now)
    return len(found)


def _events(
    runtime: Runtime,
    conn: Connection,
    kind: Kind,
    found: Sequence[Suspect],
    token: int,
    now: datetime,
) -> None:
    held = work.fence(runtime.db, conn, kind, [one.id for one in found], token=token)
    mine = [one for one in found if one.id in held]
    _keep(conn, mine, HANDLING, now)
    told = {"state": "unreadable", "reason": HANDLING, "at": now}
    events.insert_outcomes(conn, [{"event_id": one.id, "org_id": one.org, **told} for one in mine])


def _deliveries(
    runtime: Runtime, conn: Connection, found: Sequence[Suspect], now: datetime
) -> None:  # fmt: skip
    """Our own fault is not the receiver's, and counts as no try. Where the hook wants what failed
    to hold back what comes after it, it does."""
    rows = {r.id: r for r in stored_deliveries.read_deliveries(conn, [one.id for one in found])}
    setups = runtime.setups.of_all(conn, {one.org for one in found})
    blocking = set()
    for one in found:
        row = rows.get(one.id)
        is_hook = row is not None and row.target_kind == "hook"
        hook = setups[one.org].hooks.by_id.get(row.target_id) if row and is_hook else None
        if hook is not None and hook.on_exhausted == "block" and one.okey is not None:
            blocking.add(one.id)
    leases = {one.sending: one for one in found}
    over = [lease for lease, one in leases.items() if one.id not in blocking]
    staying = [lease for lease, one in leases.items() if one.id in blocking]
    db = runtime.db
    held = sends.finish(db, conn, over) | sends.hold(db, conn, staying, seconds=SECONDS)
    sends.again(
        db,
        conn,
        {lease: BLOCKED_FOR.total_seconds() for lease in staying if lease in held},
        lane=sends.LATER,
    )
    mine = [leases[lease] for lease in held]
    _keep(conn, mine, SENDING, now)
    ended = {"state": "failed", "reason": SENDING, "ended_at": now, "next_at": None}
    stored_deliveries.write_outcomes(conn, [{"id": one.id, **ended} for one in mine])


def _watches(
    runtime: Runtime, conn: Connection, found: Sequence[Suspect], token: int, now: datetime
) -> None:
    """A watch has no end: its connection pauses, which is where it is let go on."""
    for one in found:
        work.retry(runtime.db, conn, Kind.WATCH, one.id, token=token, seconds=ASLEEP)
        row = runtime.setups.of(conn, one.org).connection_by_id.get(one.id)
        if row is None or row.state != "active":
            continue
        connections.set_connection_state(conn, one.org, one.id, "paused", LOOKING)
        watch.failed(conn, one.id, LOOKING)
        identity.audit(
            conn, one.org, "relay", "connection stopped", row.name, after={"reason": LOOKING},
            at=now,
        )  # fmt: skip


def _mails(
    runtime: Runtime, conn: Connection, found: Sequence[Suspect], token: int, now: datetime
) -> None:
    ids = [one.id for one in found]
    for id in work.fence(runtime.db, conn, Kind.MAIL, ids, token=token):
        ended = {"state": "failed", "reason": SENDING, "ended_at": now}
        troubles.update_mail(conn, id, ended)


def _keep(conn: Connection, found: Sequence[Suspect], reason: str, now: datetime) -> None:
    for one in found:
        place = _PLACES[one.kind]
        work.bury(conn, one.kind, one.lease, at=now, place=place, reason=reason)


def _runs(runtime: Runtime, ids: Sequence[int], token: int) -> None:
    """They fail where they stand, and people are told as of every failed run. A booking stays as it
    is: whoever does the run again looks for it first."""
    now = runtime.clock.now()
    with runtime.db.read() as conn:
        rows = runs.read_runs(conn, ids)
        setups = runtime.setups.of_all(conn, {row.org for row in rows})
        executions = []
        for row in rows:
            execution = Execution(
                run=row.id,
                org=row.org,
                event=row.event,
                rule=runtime.setups.rule_that_ran(conn, row.org, row) or NO_RULE,
                setup=setups[row.org],
                facts={"steps": {}, "event": {"type": None}},
                item=row.item_id,
                about=row.about,
                okey=None,
                depth=row.depth,
                token=token,
                fresh=False,
                trigger=row.trigger,
            )
            execution.resume(row)
            if row.state in OPEN_STATES:
                execution.perish(RUNNING, now)
            else:
                execution.end(row.state)
            executions.append(execution)
    with runtime.db.write() as conn:
        held = work.renew(runtime.db, conn, Kind.RUN, ids, token=token, seconds=RUN_LEASE)
        runs.fail_steps(conn, sorted(held), RUNNING, now)
        settle(runtime, conn, [one for one in executions if one.run in held], token=token)
