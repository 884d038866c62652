"""One attempt at each delivery: signed, judged patiently, and tried again on a schedule.

A subscriber is not an API: whatever it answers is worth another try, except 410.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import relay
from relay import standard_webhooks
from relay.core.errors import RelayError
from relay.http import DELIVERY_LIMIT, Http, Response, retry_after_of
from relay.pipeline.schedule import OVERLOADED, next_wait
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import deliveries as stored
from relay.storage import work
from relay.storage.deliveries import DeliveryRow
from relay.storage.work import Kind, Lease

SECONDS = 15.0
LEASE = 60.0
GONE = 410
SHOWN = 20_000  # characters of an answer that are kept


@dataclass(slots=True, kw_only=True)
class Trip:
    """A delivery on its way, and what the other side said."""

    lease: Lease
    row: DeliveryRow
    secrets: Sequence[str]
    token: int
    claimed_at: float
    at: datetime | None = None
    took_ms: float = 0.0
    response: Response | None = None
    error: RelayError | None = None

    @property
    def cap(self) -> int:
        return self.row.target_id


def prepare(runtime: Runtime, leases: Sequence[Lease], token: int) -> list[Trip]:
    """The claimed deliveries with the secrets that sign them."""
    if not leases:
        return []
    by_id = {lease.id: lease for lease in leases}
    with runtime.db.read() as conn:
        rows = stored.read_deliveries(conn, list(by_id))
        setups = runtime.setups.of_all(conn, {row.org for row in rows})
    return [
        Trip(
            lease=by_id[row.id],
            row=row,
            secrets=_secrets(setups[row.org], row),
            token=token,
            claimed_at=runtime.clock.now().timestamp(),
        )
        for row in rows
    ]


def _secrets(setup: Setup, row: DeliveryRow) -> list[str]:
    if row.target_kind != "target":
        return []  # a sandbox's notification carries its provider's own signature
    return [t.secret for t in setup.targets.values() if t.id == row.target_id]


async def attempt(runtime: Runtime, trip: Trip) -> Trip:
    """One POST; what it came to stands in the trip."""
    row = trip.row
    now = trip.at = runtime.clock.now()
    inward = row.target_kind == "sandbox"
    http = Http(
        runtime.http, policy=runtime.inward if inward else runtime.outward, limit=DELIVERY_LIMIT
    )
    began = asyncio.get_running_loop().time()
    try:
        trip.response = await http.request(
            "POST", row.url, headers=_headers(trip, now), content=row.body, timeout=SECONDS
        )
    except RelayError as error:
        trip.error = error
    trip.took_ms = (asyncio.get_running_loop().time() - began) * 1000
    return trip


def _headers(trip: Trip, now: datetime) -> Mapping[str, str]:
    row = trip.row
    if not trip.secrets:
        return row.headers
    return {
        **row.headers,
        **standard_webhooks.sign(row.message_id, row.body, trip.secrets, now),
        "user-agent": f"Relay-Webhooks/{relay.__version__}",
        "webhook-attempt": str(row.attempts + 1),
        "webhook-event-type": row.type,
    }


def record(runtime: Runtime, trips: Sequence[Trip], token: int) -> None:
    """Writes the attempts, and when the next one is due."""
    now = runtime.clock.now()
    db = runtime.db
    with db.write() as conn:
        ids = [trip.lease.id for trip in trips]
        held = work.renew(db, conn, Kind.DELIVERY, ids, token=token, seconds=LEASE)
        mine = [trip for trip in trips if trip.lease.id in held]
        stored.write_delivery_attempts(conn, [_attempt(trip) for trip in mine])
        over: list[int] = []
        for trip in mine:
            state, reason, wait = _judge(trip)
            values = {
                "state": state,
                "reason": reason,
                "attempts": trip.row.attempts + 1,
                "last_status": trip.response.status if trip.response else None,
                "ended_at": None if wait else now,
                "next_at": now + wait if wait else None,
            }
            stored.update_delivery(conn, trip.row.id, values)
            if wait is None:
                over.append(trip.lease.id)
            else:
                work.retry(
                    db,
                    conn,
                    Kind.DELIVERY,
                    trip.lease.id,
                    token=token,
                    seconds=wait.total_seconds(),
                )
        if over:
            work.fence(db, conn, Kind.DELIVERY, over, token=token)


def _judge(trip: Trip) -> tuple[str, str | None, timedelta | None]:
    """State, reason, and the wait before the next try; None when it is over."""
    response = trip.response
    if response is not None and response.is_success:
        return "delivered", None, None
    if response is not None and response.status == GONE:
        return "failed", "answered 410: the receiver is gone", None
    said = str(trip.error) if response is None else f"answered {response.status}"
    asked = None
    if response is not None and response.status in OVERLOADED:
        asked = retry_after_of(response)
    wait = next_wait(
        trip.row.attempts + 1,
        spread=random.random(),  # noqa: S311 - spreads waits, guards nothing
        retry_after=asked,
    )
    if wait is None:
        return "failed", f"{said}; that was the last of the tries", None
    return "pending", said, wait


def _attempt(trip: Trip) -> dict[str, Any]:
    response = trip.response
    return {
        "org_id": trip.row.org,
        "delivery_id": trip.row.id,
        "attempt": trip.row.attempts + 1,
        "at": trip.at,
        "took_ms": trip.took_ms,
        "status": response.status if response else None,
        "response_headers": dict(response.headers) if response else None,
        "response_body": response.text[:SHOWN].replace("\0", "\ufffd") if response else None,
        "error": str(trip.error) if trip.error else None,
    }
