"""POST /in/<type>/<token>: verify, store, answer; nothing else happens in the request.

A 2xx means committed. No session, no cookie, no body unless the sender needs one. The door stands
before Flask's own dispatch, whose context, routing and signals are two fifths of an accept.
"""

import re
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

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
from relay.runtime import Runtime
from relay.storage.events import Arrival
from relay.storage.sources import SourceRow, keep_brought, source_by_token
from relay.storage.tables.base import dump
from relay.web import wire
from relay.web.committer import Committer
from relay.web.proxies import WSGI, Environ
from relay.web.refusals import Pace, Refusals

LARGEST = 1024 * 1024  # bytes of a body
COME_AGAIN = {"Retry-After": "5"}
KEPT = 1.0  # seconds a source's row is remembered: pausing and rotation take effect that soon
_PATH = re.compile(r"/in/(?P<kind>[^/]+)/(?P<token>[^/]+)")
BROUGHT_A_MINUTE = 10  # secrets that come unsigned
log = logging.get()


class Door:
    """WSGI: takes what is addressed to a source, and hands everything else on to `app`."""

    def __init__(self, runtime: Runtime, app: WSGI) -> None:
        self._runtime = runtime
        self._app = app
        self._committer = Committer(runtime)
        self._known: dict[str, tuple[float, SourceRow]] = {}
        self._refusals = Refusals(runtime)
        self._brought = Pace(BROUGHT_A_MINUTE)

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        if found is None:
            return self._app(environ, start)
        try:
            answer = self.knock(environ, found["kind"], found["token"])
        except Exception:  # a fault of ours: the sender comes again, and nothing was promised
            log.exception("inbound_failed")
            answer = self._counted("unknown", "failed", _come_again())
        return wire.give(answer, environ, start)

    def knock(self, environ: Environ, kind: str, token: str) -> Answer:
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
        base_url = self._runtime.settings.base_url
        try:
            body = wire.body_of(environ, LARGEST)
        except wire.Broken:
            return self._counted(row.type, "broken", Answer(status=400))
        except wire.TooLarge:
            why = f"its body is larger than {LARGEST:,} bytes"
            empty = wire.read(environ, base_url, b"", now)
            self._refusals.note(row, source, row.config(now), empty, why)
            return self._counted(row.type, "too_large", Answer(status=413))
        return self._take(row, source, wire.read(environ, base_url, body, now), now)

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
