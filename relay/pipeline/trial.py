"""A sample sent to a hook at once, signed like any other, to see what it answers."""

import asyncio
import secrets
from typing import Any

import relay
from relay import standard_webhooks
from relay.core.errors import Conflict, RelayError
from relay.core.hook import Hook
from relay.core.ids import public
from relay.http import DELIVERY_LIMIT, Http, Response
from relay.pipeline import payloads
from relay.pipeline.notices import reachable
from relay.pipeline.plain import headers as shown_headers
from relay.pipeline.plain import time
from relay.pipeline.samplings import samples
from relay.pipeline.subscribe import hook_called
from relay.runtime import Runtime
from relay.storage import identity

_SHOWN = 2000


def send_sample(runtime: Runtime, org: int, ref: str, *, by: str) -> dict[str, Any]:
    """What was sent and what came back. Raises NotFound, or Conflict where a test organization
    may not call the address."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        hook = hook_called(runtime, conn, org, ref)
        setup = runtime.setups.of(conn, org)
        identity.audit(conn, org, by, "hook tried", public("hook", hook.id), at=now)
    if not reachable(setup, runtime.outward, hook.url):
        raise Conflict("a test organization reaches allowed addresses only: see RELAY_EGRESS_ALLOW")
    record = samples(runtime, org, hook.event, list_id=hook.list_id)[0]
    type = hook.event if not hook.event.endswith("*") else "sample"
    body = payloads.body(hook.format, type, now, record, url="", sequence=None)
    sent = {
        **hook.headers,
        "content-type": "application/json",
        **standard_webhooks.sign(f"msg_test{secrets.token_hex(8)}", body, hook.keys(now), now),
        "user-agent": f"Relay-Webhooks/{relay.__version__}",
        "webhook-attempt": "1",
        "webhook-event-type": type,
        "webhook-test": "true",
    }
    try:
        answer = asyncio.run(_post(runtime, hook, sent, body))
    except RelayError as error:
        return {"sent": body.decode(), "at": time(now), "status": None, "error": str(error),
                "headers": {}, "body": ""}  # fmt: skip
    return {
        "sent": body.decode(),
        "at": time(now),
        "status": answer.status,
        "error": None,
        "headers": shown_headers(answer.headers),
        "body": answer.text[:_SHOWN],
    }


async def _post(runtime: Runtime, hook: Hook, headers: dict[str, str], body: bytes) -> Response:
    http = Http(runtime.http, policy=runtime.outward, limit=DELIVERY_LIMIT)
    try:
        return await http.request(
            "POST", hook.url, headers=headers, content=body, timeout=hook.timeout
        )
    finally:
        await runtime.http.aclose()
