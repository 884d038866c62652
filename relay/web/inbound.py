"""POST /in/<type>/<token>: verify, store, answer; nothing else happens in the request.

A 2xx means committed. No session, no cookie, no body unless the sender needs one. The door is a
coroutine on the server's loop, before Flask and its threads: to hand the interpreter from thread to
thread took longer than all the work. What asks the store, or is large, goes to a thread beside it.
"""

import asyncio
import re
import time

from relay import log as logging
from relay.core.errors import Unavailable
from relay.core.ids import public
from relay.integration import Accepted, Answer, Brought, InboundRequest, Source, SourceConfig
from relay.pipeline import measuring
from relay.runtime import Runtime
from relay.storage.sources import SourceRow, keep_brought, source_by_token
from relay.web import wire
from relay.web.committer import Committer
from relay.web.patience import Patience
from relay.web.refusals import Pace, Refusals
from relay.web.weighing import Taken, Turned, weigh

LARGEST = 1024 * 1024  # bytes of a body
LARGE = 64 * 1024  # bytes; while more is looked through, others would wait
MOST_LARGE = 64  # bodies that may be larger, at a time: they bound what is held in memory
COME_AGAIN = {"Retry-After": "5"}
KEPT = 1.0  # seconds a source's row is remembered: pausing and rotation take effect that soon
BROUGHT_A_MINUTE = 10  # secrets that come unsigned
_PATH = re.compile(r"/in/(?P<kind>[^/]+)/(?P<token>[^/]+)")
log = logging.get()


def opens_at(path: str) -> bool:
    """Whether the door answers there."""
    return path.startswith("/in/")


class Door:
    """ASGI: answers what is addressed to a source."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._committer = Committer(runtime)
        self._known: dict[str, tuple[float, SourceRow]] = {}
        self._asked: dict[str, asyncio.Future[SourceRow | None]] = {}
        self._refusals = Refusals(runtime)
        self._brought = Pace(BROUGHT_A_MINUTE)
        self._slow = Patience(wire.PATIENCE)
        self._large = 0

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        try:
            answer = await self._knock(scope, receive)
        except Exception:  # a fault of ours: the sender comes again, and nothing was promised
            log.exception("inbound_failed")
            answer = self._counted("unknown", "failed", _come_again())
        await wire.give(answer, scope, send)

    async def _knock(self, scope: wire.Scope, receive: wire.Receive) -> Answer:
        """One request from outside."""
        found = _PATH.fullmatch(scope["path"])
        try:
            row = await self._source(found["token"]) if found else None
        except Exception as error:  # noqa: BLE001 - without the store nobody can be told more
            log.error("source_not_read", error=str(error))
            return self._counted("unknown", "unavailable", _come_again())
        source = None if row is None else self._runtime.integrations[row.type].source
        if found is None or row is None or source is None or row.type != found["kind"]:
            return self._counted("unknown", "unknown", Answer(status=404))
        if row.state != "active" or row.problem is not None:
            return self._stopped(row)
        headers = wire.headers_of(scope)
        length = wire.length_of(headers)
        if length is not None and length <= LARGE:
            return await self._read(row, source, scope, headers, receive)
        if self._large >= MOST_LARGE:
            return self._counted(row.type, "unavailable", _come_again())
        self._large += 1
        try:
            return await self._read(row, source, scope, headers, receive)
        finally:
            self._large -= 1

    def _stopped(self, row: SourceRow) -> Answer:
        if row.state != "active":
            return self._counted(row.type, "paused", _come_again())
        # Nothing is believed that cannot be verified; the sender may come when it is mended.
        log.error("source_not_readable", source=row.id, error=row.problem)
        return self._counted(row.type, "unavailable", _come_again())

    async def _read(
        self,
        row: SourceRow,
        source: Source,
        scope: wire.Scope,
        headers: dict[str, str],
        receive: wire.Receive,
    ) -> Answer:
        now = self._runtime.clock.now()
        base_url, config = self._runtime.settings.base_url, row.config(now)
        try:
            length = wire.length_of(headers)
            body = await wire.body_of(length, receive, LARGEST, self._slow)
        except wire.Broken:
            return self._counted(row.type, "broken", Answer(status=400))
        except wire.TooSlow:
            return self._counted(row.type, "broken", Answer(status=408))
        except wire.TooLarge:
            why = f"its body is larger than {LARGEST:,} bytes"
            empty = wire.read(scope, headers, base_url, b"", now)
            await self._refusals.note(row, source, config, empty, why)
            return self._counted(row.type, "too_large", Answer(status=413))
        return await self._take(row, source, wire.read(scope, headers, base_url, body, now), config)

    async def _take(
        self, row: SourceRow, source: Source, inbound: InboundRequest, config: SourceConfig
    ) -> Answer:
        began = time.monotonic()
        if len(inbound.body) > LARGE:
            weighed = await asyncio.to_thread(weigh, row, source, inbound, config)
        else:
            weighed = weigh(row, source, inbound, config)
        if isinstance(weighed, Turned):
            if weighed.why:
                await self._refusals.note(row, source, config, inbound, weighed.why)
            return self._counted(row.type, weighed.outcome, weighed.answer)
        try:
            accepted = await self._store(row, weighed)
        except Unavailable:
            return self._counted(row.type, "unavailable", _come_again())
        self._runtime.measures.observe(measuring.ACCEPT, time.monotonic() - began)
        outcome = "duplicate" if accepted.duplicate else "accepted"
        return self._counted(row.type, outcome, source.accepted(inbound, accepted, config))

    async def _store(self, row: SourceRow, taken: Taken) -> Accepted:
        """Raises Unavailable."""
        if taken.brought is not None:
            await asyncio.to_thread(self._keep_brought, row, taken.brought)
        stored = await self._committer.commit(taken.arrival)
        return Accepted(
            id=public("evt", stored.first or stored.id),
            duplicate=stored.first is not None,
            trace=f"{self._runtime.settings.base_url}/events/{public('evt', stored.id)}",
        )

    def _keep_brought(self, row: SourceRow, brought: Brought) -> None:
        """A secret that came unsigned is kept apart; a flood of them is told to come again."""
        if not self._brought.allows(row.id):
            raise Unavailable("too many secrets came unsigned")
        try:
            with self._runtime.db.write() as conn:
                keep_brought(conn, self._runtime.vault, row.org, row.id, brought)
        except Exception as error:
            log.error("secret_not_kept", error=str(error))
            raise Unavailable("the secret could not be kept") from error

    async def _source(self, token: str) -> SourceRow | None:
        known = self._known.get(token)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        asked = self._asked.get(token)
        if asked is None:
            # The store is asked once for all who knock meanwhile.
            asked = asyncio.ensure_future(asyncio.to_thread(self._look_up, token))
            self._asked[token] = asked
            asked.add_done_callback(lambda _: self._asked.pop(token))
        return await asyncio.shield(asked)

    def _look_up(self, token: str) -> SourceRow | None:
        with self._runtime.db.read() as conn:
            row = source_by_token(conn, self._runtime.vault, token)
        if row is None:
            self._known.pop(token, None)
        else:
            self._known[token] = (time.monotonic() + KEPT, row)
        return row

    def _counted(self, source: str, outcome: str, answer: Answer) -> Answer:
        self._runtime.measures.count(measuring.INBOUND, source=source, outcome=outcome)
        return answer


def _come_again() -> Answer:
    return Answer(status=503, headers=COME_AGAIN)
