"""What was refused at an inbound address: kept to be looked at, without letting a flood fill the
store. Each process keeps a few a minute, all of them so many an hour; the rest is counted."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from relay import log as logging
from relay.core import options
from relay.core.ids import public
from relay.http import mask, mask_headers
from relay.integration import KEEP_REFUSED, InboundRequest, Source, SourceConfig
from relay.runtime import Runtime
from relay.storage.events import reject
from relay.storage.refusals import count
from relay.storage.sources import SourceRow
from relay.storage.tables.base import dump

A_MINUTE = 20
AN_HOUR = 300
LARGEST = 16 * 1024  # bytes that are kept of a refused body
MINUTE = 60.0
EVERY = 5.0  # seconds between two counts of what is not kept
log = logging.get()


@dataclass(slots=True)
class Pace:
    """At most so many a minute for each source, in this process."""

    most: int = A_MINUTE
    _seen: dict[int, tuple[float, int]] = field(default_factory=dict)

    def allows(self, source: int) -> bool:
        """Counts one; False when the minute's are used up."""
        since, seen = self._seen.get(source, (0.0, 0))
        if time.monotonic() - since > MINUTE:
            since, seen = time.monotonic(), 0
        self._seen[source] = (since, seen + 1)
        return seen < self.most


class Refusals:
    """Keeps refused deliveries."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._pace = Pace()
        self._unkept: dict[int, int] = {}
        self._counted = 0.0

    async def note(
        self,
        row: SourceRow,
        source: Source,
        config: SourceConfig,
        inbound: InboundRequest,
        why: str,
    ) -> None:
        """Keeps one with the check that failed; never raises, for the sender is refused anyway."""
        log.info("refused", source=public("src", row.id), reason=why)
        self._unkept[row.id] = self._unkept.get(row.id, 0) + 1
        keep = self._pace.allows(row.id)
        if not keep and time.monotonic() - self._counted < EVERY:
            return
        seen = self._unkept.pop(row.id, 0)
        self._counted = time.monotonic()
        try:
            await asyncio.to_thread(self._write, row, source, config, inbound, why, seen, keep)
        except Exception as error:  # noqa: BLE001 - the sender is refused all the same
            log.warning("refusal_not_kept", error=str(error))

    def _write(
        self,
        row: SourceRow,
        source: Source,
        config: SourceConfig,
        inbound: InboundRequest,
        why: str,
        seen: int,
        keep: bool,
    ) -> None:
        at, db = inbound.received_at, self._runtime.db
        with db.write() as conn:
            kept = count(db, conn, row.org, row.id, at, seen, keep=keep)
            if keep and kept <= AN_HOUR:
                headers, body = _shown(source, config, inbound, row.token)
                reject(conn, row.org, row.id, why, headers, body, at)


def _shown(
    source: Source, config: SourceConfig, inbound: InboundRequest, token: str
) -> tuple[Mapping[str, str], bytes]:
    """Headers with what may be a secret masked; the body where the source asks for it."""
    kept = source.redact(inbound, config)
    headers = mask_headers(kept.headers)
    headers[":method"] = inbound.method[:10]
    headers[":url"] = mask(inbound.url.replace(token, "…"))
    if inbound.query:
        headers[":query"] = dump(mask_headers(inbound.query))
    wanted = options.yes(config.options, KEEP_REFUSED, default=False)
    return headers, kept.body[:LARGEST] if wanted else b""
