"""One attempt at each delivery: signed, judged patiently, and tried again on a schedule."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import relay
from relay import standard_webhooks
from relay.core.errors import RelayError
from relay.core.hook import Hook
from relay.http import DELIVERY_LIMIT, Http, Response
from relay.pipeline import faring, measuring
from relay.pipeline.handshake import ORIGIN, origin_of
from relay.pipeline.trip import Trip
from relay.pipeline.verdict import Verdict, judge
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import deliveries as stored
from relay.storage import sends
from relay.storage.deliveries import DeliveryRow
from relay.storage.sends import Sending

LEASE = 60.0  # seconds: a hook may take 30, and the rest is to wait for a turn and to be recorded
SHOWN = 20_000  # characters of an answer that are kept
# A row that waits on purpose behind its key's failed head: nobody claims it before a person acts.
BLOCKED_FOR = timedelta(days=3650)


@dataclass(slots=True, kw_only=True)
class Delivered:
    """What a batch of records leaves to do: keys that are free, and deliveries to wake."""

    keys: list[int] = field(default_factory=list)
    deliveries: list[int] = field(default_factory=list)


def prepare(runtime: Runtime, leases: Sequence[Sending]) -> list[Trip]:
    """The claimed deliveries with the secrets that sign them, and their hooks as they are now."""
    if not leases:
        return []
    orgs = {lease.org for lease in leases}
    rows = {lease.id: lease.row for lease in leases if lease.row is not None}
    unread = [lease.id for lease in leases if lease.row is None]
    if unread:
        with runtime.db.read() as conn:
            rows |= {row.id: row for row in stored.read_deliveries(conn, unread)}
            setups = runtime.setups.of_all(conn, orgs)
    else:
        # Born in this process: their hooks were read when they were written.
        setups = runtime.setups.known(orgs)
    now = runtime.clock.now()
    return [
        _trip(lease, row, setups[row.org], now)
        for lease in leases
        if (row := rows.get(lease.id)) is not None
    ]


def _trip(lease: Sending, row: DeliveryRow, setup: Setup, now: datetime) -> Trip:
    if row.target_kind == "hook":
        hook = setup.hooks.by_id.get(row.target_id)
        return Trip(
            lease=lease,
            row=row,
            setup=setup,
            hook=hook,
            secrets=hook.keys(now) if hook else (),
            kept_back=_kept_back(lease, hook),
        )
    # A sandbox's notification carries its provider's own signature.
    named = [t for t in setup.targets.values() if t.id == row.target_id]
    target = named[0] if named and row.target_kind == "target" else None
    return Trip(
        lease=lease,
        row=row,
        setup=setup,
        secrets=[target.secret] if target and target.problem is None else (),
        kept_back=_unsigned(target.problem if target else None),
    )


def _kept_back(lease: Sending, hook: Hook | None) -> tuple[str, str] | None:
    if hook is None:
        return "cancelled", "its hook was deleted"
    if hook.state != "active" and not lease.is_manual:
        return "held", f"its hook is {hook.state}"
    return _unsigned(hook.problem)


def _unsigned(problem: str | None) -> tuple[str, str] | None:
    # Our own fault is not the receiver's, and counts as no try.
    return None if problem is None else ("failed", f"Relay cannot sign it: {problem}")


async def attempt(runtime: Runtime, trip: Trip) -> Trip:
    """One POST; what it came to stands in the trip."""
    now = trip.at = runtime.clock.now()
    inward = trip.row.target_kind == "sandbox"
    policy = runtime.inward if inward else runtime.outward
    # Each attempt is a row of its own, so no journal.
    http = Http(runtime.http, policy=policy, limit=DELIVERY_LIMIT, journaled=False)
    began = asyncio.get_running_loop().time()
    try:
        trip.response = await http.request(
            "POST",
            trip.url,
            headers=_headers(trip, now, runtime.settings.base_url),
            content=trip.row.body,
            timeout=trip.seconds,
        )
    except RelayError as error:
        trip.error = error
    trip.took_ms = (asyncio.get_running_loop().time() - began) * 1000
    return trip


def _headers(trip: Trip, now: datetime, base_url: str) -> Mapping[str, str]:
    row = trip.row
    if not trip.secrets:
        return row.headers
    asked = trip.hook is not None and trip.hook.handshake == "cloudevents"
    return {
        **(trip.hook.headers if trip.hook else {}),
        **({ORIGIN: origin_of(base_url)} if asked else {}),
        **row.headers,
        **standard_webhooks.sign(row.message_id, row.body, trip.secrets, now),
        "user-agent": f"Relay-Webhooks/{relay.__version__}",
        "webhook-attempt": str(row.attempts + 1),
        "webhook-event-type": row.type,
    }


def record(runtime: Runtime, trips: Sequence[Trip]) -> Delivered:
    """Writes the attempts, how the hooks fare, and when the next tries are due."""
    now = runtime.clock.now()
    left = Delivered()
    verdicts = {trip.lease: _judge(trip, now) for trip in trips if not trip.dropped}
    waits = {t.lease: _wait(t, verdicts[t.lease]) for t in trips if not t.dropped}
    over = {lease for lease, wait in waits.items() if wait is None}
    staying = [trip.lease for trip in trips if trip.lease not in over]
    with runtime.db.write() as conn:
        db = runtime.db
        # Finished rows go and the others are locked, both before anything is written: who has lost
        # the lease changes nothing.
        held = sends.finish(db, conn, [*over]) | sends.hold(db, conn, staying, seconds=LEASE)
        mine = [trip for trip in trips if trip.lease in held]
        sends.release(db, conn, [trip.lease for trip in mine if trip.dropped])
        judged = [(trip, verdicts[trip.lease]) for trip in mine if not trip.dropped]
        tried = [(trip, verdict) for trip, verdict in judged if trip.kept_back is None]
        stored.write_delivery_attempts(conn, [_attempt(trip) for trip, _ in tried])
        stored.write_outcomes(conn, [_outcome(trip, verdict, now) for trip, verdict in judged])
        left.deliveries = faring.note(runtime, conn, tried, now=now)
        again = {lease: wait.total_seconds() for lease, wait in waits.items() if wait}
        sends.again(db, conn, {k: v for k, v in again.items() if k in held}, lane=sends.LATER)
        left.keys = [okey for trip, _ in judged if (okey := trip.lease.okey) is not None]
    faring.noted(runtime, tried, now=now)
    for trip, verdict in tried:
        _measure(runtime, trip, verdict)
    return left


def _measure(runtime: Runtime, trip: Trip, verdict: Verdict) -> None:
    row, measures = trip.row, runtime.measures
    attempt = str(min(row.attempts + 1, measuring.MOST_TRIES))
    outcome = "retried" if verdict.wait is not None else verdict.state
    measures.count(measuring.DELIVERIES, outcome=outcome, attempt=attempt)
    measures.observe(measuring.DELIVERY, trip.took_ms / 1000)
    # What is sent by hand was due when somebody said so, which the row does not tell.
    if trip.at is not None and not trip.lease.is_manual:
        waited = (trip.at - (row.next_at or row.created_at)).total_seconds()
        lane = measuring.LANES[trip.lease.lane]
        measures.observe(measuring.LAG, max(waited, 0.0), lane=lane)


def _judge(trip: Trip, now: datetime) -> Verdict:
    if trip.kept_back is not None:
        state, reason = trip.kept_back
        return Verdict(state=state, reason=reason)
    return judge(
        trip.response,
        trip.error,
        tries=trip.row.attempts + 1,
        spread=random.random(),  # noqa: S311 - spreads waits, guards nothing
        steps=trip.hook.schedule if trip.hook else None,
        is_manual=trip.lease.is_manual,
        resumes=None if trip.row.next_at is None else max(trip.row.next_at - now, timedelta(0)),
    )


def _wait(trip: Trip, verdict: Verdict) -> timedelta | None:
    """Until the row is claimed again; None: it is done with."""
    if verdict.wait is not None:
        return verdict.wait
    blocks = trip.hook is not None and trip.hook.on_exhausted == "block"
    if verdict.state == "failed" and blocks and trip.lease.okey is not None:
        return BLOCKED_FOR
    return None


def _outcome(trip: Trip, verdict: Verdict, now: datetime) -> dict[str, Any]:
    was_tried = trip.kept_back is None
    return {
        "id": trip.row.id,
        "state": verdict.state,
        "reason": verdict.reason,
        "attempts": trip.row.attempts + was_tried,
        "last_status": trip.response.status if trip.response else None,
        "ended_at": None if verdict.wait or verdict.state == "held" else now,
        "next_at": now + verdict.wait if verdict.wait else None,
    }


def _attempt(trip: Trip) -> dict[str, Any]:
    response = trip.response
    return {
        "org_id": trip.row.org,
        "delivery_id": trip.row.id,
        "attempt": trip.row.attempts + 1,
        "at": trip.at,
        "took_ms": trip.took_ms,
        "trigger": "manual" if trip.lease.is_manual else "schedule",
        "status": response.status if response else None,
        "response_headers": dict(response.headers) if response else None,
        "response_body": _shown(response) if response else None,
        "error": str(trip.error) if trip.error else None,
    }


def _shown(response: Response) -> str:
    text = response.text.replace("\0", "\ufffd")
    is_whole = len(text) <= SHOWN and not response.truncated
    return text if is_whole else f"{text[:SHOWN]} … (cut)"
