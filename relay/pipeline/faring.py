"""After a batch of tries: how each hook fares, which are disabled, and what people are told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.health import after
from relay.core.hook import Hook
from relay.core.ids import public
from relay.pipeline.operational import News, report
from relay.pipeline.trip import Trip
from relay.pipeline.verdict import Verdict
from relay.runtime import Runtime
from relay.storage import deliveries, hook_health, identity, sends
from relay.storage.deliveries import target_key
from relay.storage.hooks import delete_hook, set_hook_state

FAILING_AT = 4  # the try after which people hear that a message fails
_SHOWN = 500  # characters of the last answer that are told
Tried = Sequence[tuple[Trip, Verdict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The tries of one hook, in the order they ended."""

    hook: Hook
    tried: Tried

    @property
    def last(self) -> Trip:
        return self.tried[-1][0]

    @property
    def is_well(self) -> bool:
        return all(verdict.is_success for _, verdict in self.tried)


def note(runtime: Runtime, conn: Connection, tried: Tried, *, now: datetime) -> list[int]:
    """Writes how the hooks fare; gives deliveries of operational events that are to be woken.

    Tries by hand count for nothing: poking a dead hook must not disable it, and a lucky one must
    not hide an outage.
    """
    batches = _by_hook(tried)
    patience = runtime.settings.disable_hooks_after
    news: list[News] = []
    unwell = [batch for batch in batches if not batch.is_well]
    # All of them before any is written, in one order: two recorders must not wait for each other.
    locked = {batch.hook.id for batch in batches} if unwell else set()
    before = hook_health.healths(conn, locked, lock=True)
    hook_health.succeeded(conn, runtime.successes.due(_counts(batches), now), now)
    for batch in unwell:
        was = before.get(batch.hook.id)
        if was is None:
            continue  # deleted meanwhile
        kept = runtime.successes.kept(batch.hook.id)
        found = after(
            replace(was, window_tries=was.window_tries + kept),
            [v.is_success for _, v in batch.tried],
            now,
            without_success=patience,
        )
        hook_health.save(conn, batch.hook.id, found.health)
        if found.is_dead:
            reason = f"failing: no success for {patience.days} days"
            news += _disable(conn, batch, reason, now)
        elif found.warning is not None:
            news.append(_warning(batch, found.warning, patience.days))
    for batch in batches:
        news += _ended(runtime, conn, batch, now)
        news += _of_messages(conn, batch, now)
    setups = {trip.row.org: trip.setup for trip, _ in tried}
    return [id for one in news for id in report(runtime, conn, setups, one, now=now)]


def noted(runtime: Runtime, tried: Tried, *, now: datetime) -> None:
    """To be called when what was noted is committed, with the same time."""
    batches = _by_hook(tried)
    failed = [batch.hook.id for batch in batches if not batch.is_well]
    runtime.successes.noted(_counts(batches), failed, now)


def _counts(batches: Sequence[_Batch]) -> dict[int, int]:
    """How many successes there are of hooks that had nothing else."""
    return {batch.hook.id: len(batch.tried) for batch in batches if batch.is_well}


def _by_hook(tried: Tried) -> list[_Batch]:
    found: dict[int, list[tuple[Trip, Verdict]]] = {}
    for trip, verdict in tried:
        if trip.hook is not None and not trip.lease.is_manual:
            found.setdefault(trip.hook.id, []).append((trip, verdict))
    return [
        _Batch(hook=batch[0][0].hook, tried=batch)
        for _, batch in sorted(found.items())
        if batch[0][0].hook is not None
    ]


def _warning(batch: _Batch, part: float, days: int) -> News:
    reason = f"{part:.0%} of the {days} days without a success have passed"
    return News(type="endpoint.failing", hook=batch.hook, reason=reason, **_said(batch.last))


def _said(trip: Trip) -> dict[str, Any]:
    """What the receiver said."""
    answer = trip.response
    return {
        "last_status": answer.status if answer else None,
        "last_response": answer.text[:_SHOWN].replace("\0", "\ufffd") if answer else None,
        "last_error": str(trip.error) if trip.error else None,
    }


def _ended(runtime: Runtime, conn: Connection, batch: _Batch, now: datetime) -> list[News]:
    """The receiver itself wants no more."""
    why = next((verdict.ends for _, verdict in batch.tried if verdict.ends), None)
    if why is None:
        return []
    hook = batch.hook
    mine = [trip.lease.id for trip, _ in batch.tried]
    gone = sends.forget(runtime.db, conn, target_key("hook", hook.id), but=mine)
    deliveries.cancel(conn, hook.org, hook.id, gone, f"its hook ended: {why}", now)
    if not (hook.is_rest and why.startswith("gone")):
        return _disable(conn, batch, why, now)
    delete_hook(conn, hook.org, hook.id)
    identity.audit(conn, hook.org, "relay", "hook deleted", public("hook", hook.id),
                   after={"reason": why, "url": hook.url}, at=now)  # fmt: skip
    return [News(type="endpoint.disabled", hook=hook, reason=why, **_said(batch.last))]


def _disable(conn: Connection, batch: _Batch, reason: str, now: datetime) -> list[News]:
    hook = batch.hook
    if not set_hook_state(conn, hook.org, hook.id, "disabled", reason):
        return []
    identity.audit(conn, hook.org, "relay", "hook disabled", public("hook", hook.id),
                   after={"reason": reason}, at=now)  # fmt: skip
    return [News(type="endpoint.disabled", hook=hook, reason=reason, **_said(batch.last))]


def _of_messages(conn: Connection, batch: _Batch, now: datetime) -> list[News]:
    news: list[News] = []
    exhausted = [
        (trip, verdict)
        for trip, verdict in batch.tried
        if verdict.state == "failed" and verdict.ends is None
    ]
    for trip, verdict in batch.tried:
        tries = trip.row.attempts + 1
        if verdict.is_success and tries > FAILING_AT:
            news.append(_of_message("message.attempt.recovered", batch, trip, verdict, tries))
        elif not verdict.is_success and tries == FAILING_AT and verdict.wait:
            news.append(_of_message("message.attempt.failing", batch, trip, verdict, tries))
    if exhausted:
        count = hook_health.exhausted(conn, batch.hook.id, len(exhausted), now)
        if count is not None:
            last = exhausted[-1]
            news.append(_of_message("message.attempt.exhausted", batch, *last, count))
    return news


def _of_message(type: str, batch: _Batch, trip: Trip, verdict: Verdict, count: int) -> News:
    return News(
        type=type,
        hook=batch.hook,
        message_id=trip.row.message_id,
        message_type=trip.row.type,
        reason=verdict.reason,
        count=count,
        **_said(trip),
    )
