"""POST /in/<type>/<token>: verify, store, answer; nothing else happens in the request.

A 2xx means committed. No session, no cookie, no body unless the sender needs one. The door stands
before Flask's own dispatch, whose context, routing and signals are two fifths of an accept.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from typing import Any
from urllib.parse import quote

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from relay import log as logging
from relay.core.errors import BadSignature, Unavailable
from relay.core.ids import ordering_key, public
from relay.integration import (
    Accepted,
    Answer,
    Brought,
    InboundRequest,
    Source,
    SourceConfig,
)
from relay.pipeline import measuring
from relay.queue import ROUTE
from relay.runtime import Runtime
from relay.storage.events import Arrival, Stored, accept
from relay.storage.sources import SourceRow, keep_brought, source_by_token
from relay.storage.tables.base import dump
from relay.web.proxies import WSGI, Environ
from relay.web.refusals import Pace, Refusals

LARGEST = 1024 * 1024  # bytes of a body
GROUP = 64
WAIT = 8.0  # seconds a sender is kept waiting for the commit; the shortest deadline is 3 to 5
COME_AGAIN = {"Retry-After": "5"}
KEPT = 1.0  # seconds a source's row is remembered: pausing and rotation take effect that soon
_PATH = re.compile(r"/in/(?P<kind>[^/]+)/(?P<token>[^/]+)")
BROUGHT_A_MINUTE = 10  # secrets that come unsigned
log = logging.get()


@dataclass(slots=True)
class _Waiting:
    """An arrival and whoever waits for its commit: `done` is locked until then. A bare lock costs
    a fifth of an Event."""

    arrival: Arrival
    done: threading.Lock
    stored: Stored | None = None
    error: Exception | None = None


class _Committer:
    """Group commit: requests hand their row to one thread and are answered after the COMMIT."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: SimpleQueue[_Waiting] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def commit(self, arrival: Arrival) -> Stored:
        """Returns when it is durable. Raises Unavailable."""
        self._start()
        waiting = _Waiting(arrival, threading.Lock())
        waiting.done.acquire()
        self._waiting.put(waiting)
        if not waiting.done.acquire(timeout=WAIT) or waiting.stored is None:
            raise Unavailable("the request could not be stored; send it again") from waiting.error
        return waiting.stored

    def _start(self) -> None:
        if self._thread is None:
            # After the server's fork, not before it: a thread does not survive one.
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            group = [self._waiting.get()]
            while len(group) < GROUP and not self._waiting.empty():
                group.append(self._waiting.get())
            self._store(group)

    def _store(self, group: list[_Waiting]) -> None:
        try:
            stored = accept(self._runtime.db, [one.arrival for one in group])
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the sender gets 503
            if len(group) > 1:
                # One row that the database refuses must not refuse the others.
                for one in group:
                    self._store([one])
                return
            log.error("accept_failed", error=str(error))
            group[0].error = error
            group[0].done.release()
            return
        for one, result in zip(group, stored, strict=True):
            one.stored = result
            one.done.release()
        fresh = [result.id for result in stored if result.first is None]
        self._runtime.queue.wake(ROUTE, fresh)


class Door:
    """WSGI: takes what is addressed to a source, and hands everything else on to `app`."""

    def __init__(self, runtime: Runtime, app: WSGI) -> None:
        self._runtime = runtime
        self._app = app
        self._committer = _Committer(runtime)
        self._known: dict[str, tuple[float, SourceRow]] = {}
        self._refusals = Refusals(runtime)
        self._brought = Pace(BROUGHT_A_MINUTE)

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        if found is None:
            return self._app(environ, start)
        request = Request(environ)
        request.max_content_length = LARGEST
        try:
            answer = self.knock(request, found["kind"], found["token"])
        except Exception:
            # A fault of ours: the sender comes again, and nothing was promised.
            log.exception("inbound_failed")
            answer = self._counted("unknown", "failed", _come_again())
        return _response(answer)(environ, start)

    def knock(self, request: Request, kind: str, token: str) -> Answer:
        """One request from outside."""
        try:
            row = self._source(token)
        except Exception as error:  # noqa: BLE001 - without the store nobody can be told more
            log.error("source_not_read", error=str(error))
            return self._counted("unknown", "unavailable", _come_again())
        source = None if row is None else self._runtime.integrations[row.type].source
        if row is None or row.type != kind or source is None:
            return self._counted("unknown", "unknown", Answer(status=404))
        if row.state != "active":
            return self._counted(row.type, "paused", _come_again())
        now = self._runtime.clock.now()
        try:
            body = request.get_data(cache=False)
        except RequestEntityTooLarge:
            why = f"its body is larger than {LARGEST:,} bytes"
            empty = _inbound(self._runtime, request, b"", now)
            self._refusals.note(row, source, row.config(now), empty, why)
            return self._counted(row.type, "too_large", Answer(status=413))
        return self._take(row, source, _inbound(self._runtime, request, body, now), now)

    def _take(
        self, row: SourceRow, source: Source, inbound: InboundRequest, now: datetime
    ) -> Answer:
        config, began = row.config(now), time.monotonic()
        answer = source.handshake(inbound, config)
        if answer is not None:
            return self._counted(row.type, "handshake", answer)
        if inbound.method != "POST" and inbound.method not in source.methods:
            why = f"{inbound.method} is no way to send here; expected POST"
            self._refusals.note(row, source, config, inbound, why)
            allowed = {"Allow": ", ".join(["POST", *source.methods])}
            return self._counted(row.type, "refused", Answer(status=405, headers=allowed))
        try:
            source.verify(inbound, config)
        except BadSignature as error:
            self._refusals.note(row, source, config, inbound, str(error))
            return self._counted(row.type, "refused", source.refused(inbound, config))
        if not self._keeps_brought(row, source.brings(inbound, config)):
            return self._counted(row.type, "unavailable", _come_again())
        try:
            stored = self._committer.commit(_arrival(row, source, inbound, config, now))
        except Unavailable:
            return self._counted(row.type, "unavailable", _come_again())
        self._runtime.measures.observe(measuring.ACCEPT, time.monotonic() - began)
        accepted = Accepted(
            id=public("evt", stored.first or stored.id),
            duplicate=stored.first is not None,
            trace=f"{self._runtime.settings.base_url}/events/{public('evt', stored.id)}",
        )
        outcome = "duplicate" if accepted.duplicate else "accepted"
        return self._counted(row.type, outcome, source.accepted(inbound, accepted, config))

    def _counted(self, source: str, outcome: str, answer: Answer) -> Answer:
        self._runtime.measures.count(measuring.INBOUND, source=source, outcome=outcome)
        return answer

    def _keeps_brought(self, row: SourceRow, brought: Brought | None) -> bool:
        """A secret that came unsigned is kept apart; a flood of them is told to come again."""
        if brought is None:
            return True
        if not self._brought.allows(row.id):
            return False
        try:
            with self._runtime.db.write() as conn:
                keep_brought(conn, self._runtime.vault, row.org, row.id, brought)
        except Exception as error:  # noqa: BLE001 - without the store the sender comes again
            log.error("secret_not_kept", error=str(error))
            return False
        return True

    def _source(self, token: str) -> SourceRow | None:
        known = self._known.get(token)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        with self._runtime.db.read() as conn:
            row = source_by_token(conn, self._runtime.vault, token)
        if row is not None:
            self._known[token] = (time.monotonic() + KEPT, row)
        return row


def _come_again() -> Answer:
    return Answer(status=503, headers=COME_AGAIN)


def _inbound(runtime: Runtime, request: Request, body: bytes, now: datetime) -> InboundRequest:
    target = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    path = str(target) if target else quote(request.path)
    if not target and request.query_string:
        path += f"?{request.query_string.decode('latin-1')}"
    return InboundRequest(
        method=request.method,
        url=f"{runtime.settings.base_url}{path}",
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        received_at=now,
        query=request.args.to_dict(),
    )


def _arrival(
    row: SourceRow, source: Source, inbound: InboundRequest, config: SourceConfig, now: datetime
) -> Arrival:
    dkey = source.dedupe_key(inbound, config)
    subject = source.subject(inbound, config)
    kept = source.redact(inbound, config)
    return Arrival(
        org=row.org,
        source=row.id,
        dkey=dkey,
        okey=ordering_key(f"contact:{row.org}:{subject}") if subject else None,
        headers=_headers(kept, row.token),
        body=kept.body,
        received_at=now,
    )


def _headers(kept: InboundRequest, token: str) -> dict[str, str]:
    """What is kept of the request beside its body; the token that it was sent to is not."""
    headers = {
        name: value
        for name, value in kept.headers.items()
        if name not in {"authorization", "cookie"}
    }
    headers[":method"] = kept.method
    headers[":url"] = kept.url.replace(token, "…")
    if kept.query:
        headers[":query"] = dump(dict(kept.query))
    return headers


def _response(answer: Answer) -> Response:
    headers: Mapping[str, str] = answer.headers
    response = Response(answer.body, status=answer.status, headers=dict(headers))
    if not answer.body and "Content-Type" not in headers:
        response.headers.pop("Content-Type", None)
    return response
