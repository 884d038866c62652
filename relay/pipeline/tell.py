"""Tells hooks what happened: deliveries, written with what caused them, a statement for each table
however many there are. Who has no hooks pays for a look into an empty map."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from relay.core import ids
from relay.core.hook import Hook, HookSet
from relay.pipeline import payloads
from relay.pipeline.notices import CAPTURED, reachable
from relay.pipeline.payloads import Happening
from relay.runtime import Berths, Runtime
from relay.setups import Setup
from relay.storage import work
from relay.storage.deliveries import (
    DeliveryRow,
    NewDelivery,
    as_written,
    begin,
    insert_deliveries,
    target_key,
)
from relay.storage.hooks import next_sequences
from relay.storage.sends import FIRST, Sending
from relay.storage.work import Kind, NewWork
from rules.engine import RuleError, truth

LEASE = 60.0  # seconds to send what was born leased
_HELD = {"paused": "its hook is paused", "disabled": "its hook is disabled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A hook that is to hear of something; `problem` says why it cannot be known that it is."""

    hook: Hook
    happening: Happening
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The deliveries that were written: those this worker is to send, and those to be woken."""

    leased: Sequence[Sending] = ()
    due: Sequence[int] = ()


def calls(hooks: HookSet, happenings: Iterable[Happening]) -> list[Call]:
    """Who is to hear of what."""
    found: dict[tuple[int, int], Call] = {}
    for happening in happenings:
        for hook in hooks.hearing(happening.type):
            call = weigh(hook, happening)
            # Several fields of an item that changed together are told once.
            if call is not None:
                found.setdefault((hook.id, happening.event), call)
    return list(found.values())


def weigh(hook: Hook, happening: Happening) -> Call | None:
    """Whether a hook's filter lets something through; None: no."""
    if hook.list_id is not None and hook.list_id != happening.list_id:
        return None
    if hook.account_id is not None and hook.account_id != happening.account_id:
        return None
    if hook.condition is None:
        return Call(hook=hook, happening=happening)
    try:
        held = truth(hook.condition, happening.facts)
    except RuleError as error:
        problem = f"its condition could not be worked out: {error}"
        return Call(hook=hook, happening=happening, problem=problem)
    return Call(hook=hook, happening=happening) if held else None


def tell(
    runtime: Runtime,
    conn: Connection,
    setups: Mapping[int, Setup],
    happenings: Sequence[Happening],
    *,
    now: datetime,
    token: int | None = None,
) -> Told:
    """Writes a delivery for each hook that is to hear. With a token those that have a place in
    this worker are born leased to it."""
    found = [
        call
        for org in dict.fromkeys(one.org for one in happenings)
        for call in calls(setups[org].hooks, [one for one in happenings if one.org == org])
    ]
    return write(runtime, conn, setups, found, now=now, token=token)


def write(
    runtime: Runtime,
    conn: Connection,
    setups: Mapping[int, Setup],
    found: Sequence[Call],
    *,
    now: datetime,
    token: int | None = None,
    lane: int = FIRST,
    job: int | None = None,
) -> Told:
    """The deliveries of these calls; `job` is the person's order that they belong to."""
    if not found:
        return Told()
    ids, found = _begin(conn, found)
    numbers = _sequences(conn, found)
    rows = [
        _delivery(runtime, setups[call.hook.org], call, number, job=job)
        for call, number in zip(found, numbers, strict=True)
    ]
    made = insert_deliveries(conn, dict(zip(ids, rows, strict=True)), now)
    due = [
        NewWork(
            id=id, org=new.org, okey=new.okey, target=target_key("hook", new.target_id), lane=lane
        )
        for id, new in made.items()
        if new.state == "pending"
    ]
    if token is None or runtime.berths is None:
        work.add(runtime.db, conn, Kind.DELIVERY, due)
        return Told(due=[row.id for row in due])
    written = {id: as_written(id, new, now) for id, new in made.items()}
    return _leased(runtime, conn, runtime.berths, due, written, token)


def _leased(
    runtime: Runtime,
    conn: Connection,
    berths: Berths,
    rows: Sequence[NewWork],
    written: Mapping[int, DeliveryRow],
    token: int,
) -> Told:
    """Those that have a place here are this worker's from the start."""
    # What has to keep an order waits for a claim, which looks at what is before it.
    free = [row for row in rows if row.okey is None]
    places = berths.reserve([(row.id, row.target or 0, row.org) for row in free])
    leased = [row for row, has_place in zip(free, places, strict=True) if has_place]
    work.add_leased(runtime.db, conn, Kind.DELIVERY, leased, seconds=LEASE, token=token)
    born = {row.id for row in leased}
    waiting = [row for row in rows if row.id not in born]
    work.add(runtime.db, conn, Kind.DELIVERY, waiting)
    return Told(
        leased=[
            Sending(id=row.id, org=row.org, okey=None, attempts=1, target=row.target or 0,
                    lane=FIRST, token=token, row=written[row.id])
            for row in leased
        ],
        due=[row.id for row in waiting],
    )  # fmt: skip


def _begin(conn: Connection, found: Sequence[Call]) -> tuple[list[int], list[Call]]:
    """The calls that were not written before, with their deliveries' numbers: a place in a row
    spent on one that was would be a gap."""
    by_org: dict[int, dict[str, Call]] = {}
    for call in found:
        by_org.setdefault(call.hook.org, {})[_dkey(call)] = call
    ids: list[int] = []
    fresh: list[Call] = []
    for org, asked in by_org.items():
        begun = begin(conn, org, list(asked))
        mine = [call for dkey, call in asked.items() if dkey not in begun.known]
        ids += begun.ids[: len(mine)]
        fresh += mine
    return ids, fresh


def _dkey(call: Call) -> str:
    happening = call.happening
    return ids.digest("hook", str(call.hook.id), str(happening.event), happening.type)


def _sequences(conn: Connection, found: Sequence[Call]) -> list[int | None]:
    """What is told about one thing is numbered for each hook, so that receivers can put it in
    order."""
    keyed = [call for call in found if call.happening.key is not None]
    pairs = [(call.hook.id, ids.ordering_key(str(call.happening.key))) for call in keyed]
    given = dict(zip(map(id, keyed), next_sequences(conn, pairs), strict=True))
    return [given.get(id(call)) for call in found]


def _delivery(
    runtime: Runtime, setup: Setup, call: Call, sequence: int | None, *, job: int | None
) -> NewDelivery:
    hook, happening = call.hook, call.happening
    headers = {"content-type": "application/json"}
    if sequence is not None:
        headers["webhook-sequence"] = str(sequence)
    state, reason = _born(runtime, setup, call)
    ordered = hook.ordering == "key" and happening.key is not None
    base = runtime.settings.base_url
    return NewDelivery(
        org=hook.org,
        dkey=_dkey(call),
        target_kind="hook",
        target_id=hook.id,
        okey=ids.ordering_key(f"hook:{hook.id}:{happening.key}") if ordered else None,
        event_id=happening.event,
        run_id=happening.run,
        item_id=happening.item,
        redelivery_id=job,
        message_id=happening.message,
        type=happening.type,
        url=hook.url,
        headers=headers,
        body=payloads.body(
            hook.format,
            happening.type,
            happening.at,
            happening.data,
            url=f"{base}/api/v1/hooks/hook_{hook.id}/messages/{happening.message}",
            sequence=sequence,
        ),
        state=state,
        reason=reason,
    )


def _born(runtime: Runtime, setup: Setup, call: Call) -> tuple[str, str | None]:
    hook = call.hook
    if call.problem is not None:
        return "failed", call.problem
    if not reachable(setup, runtime.outward, hook.url):
        return "captured", CAPTURED
    if hook.state != "active":
        return "held", _HELD[hook.state]
    return "pending", None
