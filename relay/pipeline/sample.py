"""A signed sample of a sender, sent to a source's own address the way the sender would."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection

from relay.core import ids
from relay.core.errors import (
    BadSignature,
    Conflict,
    InvalidInput,
    NotFound,
    RetryableError,
    Unavailable,
)
from relay.core.targets import INTERNAL
from relay.http import Client, Http, Response
from relay.integration import InboundRequest, SourceConfig
from relay.runtime import Runtime
from relay.samples import chosen, fresh, placed, signed
from relay.storage import identity, sources
from relay.storage.reads import events
from relay.storage.reads.events import EventRow
from relay.storage.reads.page import Cut
from relay.storage.sources import SourceRow

SECONDS = 20.0
LENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was sent and how it was answered; `event` is what it became, None for a probe."""

    source: str
    type: str
    case: str
    url: str
    status: int
    event: int | None
    state: str | None
    reason: str | None


def document(sent: Sent) -> dict[str, Any]:
    """What was sent and what it became, for programs."""
    return {
        "source": sent.source,
        "type": sent.type,
        "case": sent.case,
        "url": sent.url,
        "status": sent.status,
        "accepted": sent.status < HTTPStatus.BAD_REQUEST,
        "event_id": None if sent.event is None else ids.public("evt", sent.event),
        "state": sent.state,
        "reason": sent.reason,
    }


def source_for(
    conn: Connection, runtime: Runtime, org: int, type: str, name: str | None
) -> SourceRow:
    """The source named, else the only one of its type. Raises NotFound or InvalidInput."""
    rows = [row for row in sources.all_sources(conn, runtime.vault, org) if row.type == type]
    found = [row for row in rows if name in (None, row.name, ids.public("src", row.id))]
    if not found:
        wanted = f"{type} called {name!r}" if name else type
        raise NotFound(f"there is no source of type {wanted}: relay source create {type}")
    if len(found) > 1:
        raise InvalidInput(f"which source? {' | '.join(row.name for row in found)}")
    return found[0]


def send(runtime: Runtime, row: SourceRow, case: str | None = None, *, by: str) -> Sent:
    """Sends it over HTTP to the running Relay. Raises Unavailable where none answers."""
    if row.problem is not None:
        raise Conflict(row.problem)
    integration = runtime.integrations[row.type]
    sample = chosen(integration, case, row.options)
    now = runtime.clock.now()
    address = f"{runtime.settings.base_url}/in/{row.type}/{row.token}"
    config = _provable(runtime, row, replace(row.config(now), url=address), now)
    sample = placed(integration, fresh(integration, sample, now), config)
    headers = signed(integration, sample, config, now)
    url = f"{address}?{urlencode(sample.query)}" if sample.query else address
    with runtime.db.write() as conn:
        before = events.newest(conn, row.org)
        identity.audit(
            conn, row.org, by, "sample sent", row.name, after={"case": sample.name}, at=now
        )
    answer = asyncio.run(_post(runtime, url, headers, sample.body))
    event = _arrived(runtime, row, before)
    return Sent(
        source=row.name,
        type=row.type,
        case=sample.name,
        url=address,
        status=answer.status,
        event=None if event is None else event.id,
        state=None if event is None else event.state,
        reason=None if event is None else event.reason,
    )


def _arrived(runtime: Runtime, row: SourceRow, before: int) -> EventRow | None:
    """The first delivery that came to the source since."""
    wanted = events.Filter(source=row.name, kind="delivery")
    with runtime.db.read() as conn:
        found = events.page(conn, row.org, wanted, Cut(after=before))
    return found.rows[-1] if found.rows else None


def _provable(
    runtime: Runtime, row: SourceRow, config: SourceConfig, now: datetime
) -> SourceConfig:
    """A source can be tried before its sender has shown its secret: one is lent for a minute.
    Where the address is proof enough, none is needed."""
    source = runtime.integrations[row.type].source
    if source is None or config.secrets:
        return config
    bare = InboundRequest(method="POST", url=config.url, headers={}, body=b"", received_at=now)
    try:
        source.verify(bare, config)
    except BadSignature:
        # Text, hex and base64 at once, for that is how one sender or another writes its key.
        lent = secrets.token_hex(32)
        with runtime.db.write() as conn:
            sources.lend_secret(conn, runtime.vault, row.org, row.id, lent, until=now + LENT)
        return replace(config, secrets=[lent])
    return config


async def _post(runtime: Runtime, url: str, headers: Mapping[str, str], body: bytes) -> Response:
    client = Client(clock=runtime.clock)
    http = Http(client, INTERNAL)
    try:
        return await http.request("POST", url, headers=headers, content=body, timeout=SECONDS)
    except RetryableError as error:
        where = runtime.settings.base_url
        raise Unavailable(f"no Relay answers at {where}: is it up? ({error})") from error
    finally:
        await client.aclose()
