"""What a run sends without waiting for it: deliveries to named targets, and emitted events."""

from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import Connection

from relay.core import ids
from relay.core.errors import InvalidInput, NotFound
from relay.core.targets import TargetPolicy, check_url
from relay.pipeline.execution import Execution
from relay.pipeline.happenings import of_emitted
from relay.pipeline.payloads import LARGEST, Happening
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored
from relay.storage import work
from relay.storage.deliveries import (
    NewDelivery,
    insert_delivery,
    target_key,
    update_delivery,
)
from relay.storage.numbers import next_ids
from relay.storage.tables.events import events
from relay.storage.work import Kind, NewWork

CAPTURED = "a test organization reaches allowed addresses only"


def to_target(
    runtime: Runtime, conn: Connection, execution: Execution, now: datetime
) -> tuple[dict[str, Any], int | None]:
    """A delivery to a named target: the step's output, and the delivery to wake. In a test
    organization only allowed addresses are called; the rest is kept as `captured`."""
    name = str(execution.params["to"])
    target = execution.setup.targets.get(name)
    if target is None:
        raise NotFound(f"there is no target {name!r}: relay target add {name} URL")
    body = orjson.dumps(execution.params["body"], default=str)
    if len(body) > LARGEST:
        raise InvalidInput(f"the message is {len(body)} bytes; {LARGEST} is the most")
    captured = not reachable(execution.setup, runtime.outward, target.url)
    delivery = insert_delivery(
        conn,
        NewDelivery(
            org=execution.org,
            dkey=execution.key,
            target_kind="target",
            target_id=target.id,
            event_id=execution.event,
            run_id=execution.run,
            message_id=f"msg_{execution.key.lower()}",
            type=str(execution.facts["event"]["type"]),
            url=target.url,
            headers={"content-type": "application/json"},
            body=body,
            state="captured" if captured else "pending",
            reason=CAPTURED if captured else None,
            item_id=execution.item,
        ),
        now,
    )
    output = {"delivery": ids.public("dlv", delivery)}
    if captured or (execution.is_replay and work.waits(conn, Kind.DELIVERY, delivery)):
        return output, None
    if execution.is_replay:
        update_delivery(conn, delivery, {"state": "pending", "reason": None, "ended_at": None})
    okey = ids.ordering_key(f"target:{target.id}:{execution.item}") if execution.item else None
    whom = target_key("target", target.id)
    row = NewWork(id=delivery, org=execution.org, okey=okey, target=whom)
    work.add(runtime.db, conn, Kind.DELIVERY, [row])
    return output, delivery


def reachable(setup: Setup, policy: TargetPolicy, url: str) -> bool:
    """Whether a delivery may leave: a test organization reaches allowed networks only, and those
    by their address, for a name may lead anywhere tomorrow."""
    return not setup.organization.is_test or _is_allowed(url, policy)


# Each delivery asks, and the answer depends on these two alone.
@lru_cache(maxsize=4096)
def _is_allowed(url: str, policy: TargetPolicy) -> bool:
    try:
        check_url(url, policy)
        address = ip_address((urlsplit(url).hostname or "").replace("localhost", "127.0.0.1"))
    except (InvalidInput, ValueError):
        return False
    return any(address in network for network in policy.allow)


def emit(
    runtime: Runtime, conn: Connection, execution: Execution, now: datetime
) -> tuple[dict[str, Any], Happening | None]:
    """An event of a rule's own making, stored once: the step's output, and what hooks are told."""
    told: Happening | None = None
    (id,) = next_ids(conn, events, 1)
    row = {
        "id": id,
        "org_id": execution.org,
        "kind": "completion",
        "source_id": 0,
        "dkey": f"emit:{execution.key}",
        "okey": execution.okey,
        "state": "accepted",
        "parent_id": execution.event,
        "depth": execution.depth + 1,
        "received_at": now,
    }
    if not stored.insert_events(runtime.db, conn, [row]):
        # A run that is done again: the event is there.
        id = stored.event_under(conn, 0, f"emit:{execution.key}")
    else:
        data = dict(execution.params.get("data") or {})
        kind = str(execution.params["type"])
        stored.insert_facts(
            conn,
            [{"event_id": id, "type": kind, "data": data, "body": None, "occurred_at": now}],
        )
        stored.insert_outcomes(
            conn,
            [
                {
                    "event_id": id,
                    "org_id": execution.org,
                    "state": "routed" if execution.setup.hooks.hearing(kind) else "no_rule",
                    "type": kind,
                    "about": execution.about,
                    "item_id": execution.item,
                    "reason": None,
                    "at": now,
                }
            ],
        )
        told = of_emitted(
            org=execution.org,
            event=id,
            type=kind,
            at=now,
            data=data,
            facts=execution.facts,
            item=execution.item,
            run=execution.run,
        )
    return {"event": ids.public("evt", id)}, told
