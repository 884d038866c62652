"""What a request at an inbound address is: to be stored, or to be turned away. Nothing is asked of
the store here, and nothing written."""

from dataclasses import dataclass

from relay.core.errors import BadSignature
from relay.core.ids import ordering_key
from relay.integration import Answer, Brought, InboundRequest, Source, SourceConfig
from relay.storage.events import Arrival
from relay.storage.sources import SourceRow
from relay.storage.tables.base import dump

_NEVER_KEPT = {"authorization", "cookie"}


@dataclass(frozen=True, slots=True)
class Turned:
    """Not stored: its answer, what it counts as, and the check that it failed."""

    outcome: str
    answer: Answer
    why: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """To be stored, and the secret that it brought."""

    arrival: Arrival
    brought: Brought | None


def weigh(
    row: SourceRow, source: Source, inbound: InboundRequest, config: SourceConfig
) -> Turned | Taken:
    """Verifies, and makes of it what is stored."""
    answer = source.handshake(inbound, config)
    if answer is not None:
        return Turned("handshake", answer)
    if inbound.method != "POST" and inbound.method not in source.methods:
        allowed = {"Allow": ", ".join(["POST", *source.methods])}
        why = f"{inbound.method} is no way to send here; expected POST"
        return Turned("refused", Answer(status=405, headers=allowed), why)
    try:
        source.verify(inbound, config)
    except BadSignature as error:
        return Turned("refused", source.refused(inbound, config), str(error))
    return Taken(_arrival(row, source, inbound, config), source.brings(inbound, config))


def _arrival(
    row: SourceRow, source: Source, inbound: InboundRequest, config: SourceConfig
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
        received_at=inbound.received_at,
    )


def _headers(kept: InboundRequest, token: str) -> dict[str, str]:
    """What is kept of the request beside its body; the token that it was sent to is not."""
    headers = {name: value for name, value in kept.headers.items() if name not in _NEVER_KEPT}
    headers[":method"] = kept.method
    headers[":url"] = kept.url.replace(token, "…")
    if kept.query:
        headers[":query"] = dump(dict(kept.query))
    return headers
