"""FreshBooks' call-backs: form posts that name a document, signed over their fields.

freshbooks.com/api, "Webhooks". A new call-back first sends its verifier, unsigned; sent back
through the API it makes the call-back live, and is the key of its signatures from then on.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from relay.bodies import form_in, form_or_none
from relay.core.errors import BadSignature, PermanentError, Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
from relay.core.signing import same_secret
from relay.integration import Brought, InboundRequest, Lookup, Source, SourceConfig
from relay.integrations.freshbooks.complete import COMPLETED, INVOICES, complete
from relay.integrations.freshbooks.connector import Account

HEADER = "x-freshbooks-hmac-sha256"
VERIFIER = "verifier"
CALLBACK = "freshbooks.callback.verify"
LONGEST_VERIFIER = 200
MOST_FIELDS = 100


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """The signature is of Python's JSON of the decoded fields, in the order they came; the raw
    body is not what is signed. The post that brings a verifier proves nothing and starts nothing
    but the question to FreshBooks whether it is one."""
    if brings(request, config) is not None:
        return
    given = request.headers.get(HEADER, "").strip()
    if not given:
        raise BadSignature(f"the header {HEADER} is missing")
    text = _signed_text(request.body)
    keys = [secret for secret in config.secrets if secret]
    if not same_secret(given, [_signature(text, key) for key in keys]):
        raise BadSignature(f"the signature in {HEADER} does not match the fields")


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """One event. Payments and invoices are incomplete, and so is a call-back to be confirmed."""
    del config
    fields = form_in(request)
    name, id = a_text(fields.get("name")), a_text(fields.get("object_id"))
    if name is None or id is None:
        raise Unreadable("name or object_id is missing")
    if VERIFIER in fields:
        return [ParsedEvent(type=CALLBACK, body=fields, complete=False)]
    return [
        ParsedEvent(type=f"freshbooks.{name[:60]}", body=fields, complete=name not in COMPLETED)
    ]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """What is made is made once; there is no id, so any other post is its own. Payments and
    invoices are told apart once more by what is read of them."""
    del config
    fields = form_or_none(request)
    parts = [a_text(fields.get(name)) or "" for name in ("account_id", "name", "object_id")]
    return ":".join(parts)[:300] if parts[1].endswith(".create") and parts[2] else None


def brings(request: InboundRequest, config: SourceConfig) -> Brought | None:
    del config
    return _brought(request.body)


def _brought(body: bytes) -> Brought | None:
    """The verifier of a new call-back."""
    fields = dict(_pairs(body))
    id, secret = fields.get("object_id", ""), fields.get(VERIFIER, "")
    if not (id.isascii() and id.isdigit()) or not 0 < len(secret) <= LONGEST_VERIFIER:
        return None
    return Brought(id=id[:20], secret=secret)


async def confirm(event: ParsedEvent, brought: Mapping[str, str], lookup: Lookup) -> str | None:
    """Sends the verifier back. Raises RemoteError's children where FreshBooks refuses it."""
    if event.type != CALLBACK:
        return None
    id = a_text(a_map(event.body).get("object_id")) or ""
    if id not in brought or not isinstance(lookup, Account):
        raise PermanentError("its verifier is kept no more: have FreshBooks send it again")
    await lookup.verify(id, brought[id])
    return id


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    """The request without the verifier, which is a key."""
    if brings(request, config) is None:
        return request
    kept = [(name, "…" if name == VERIFIER else value) for name, value in _pairs(request.body)]
    return replace(request, body=urlencode(kept).encode())


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    """A verifier comes unsigned."""
    del now
    if _brought(body) is not None:
        return {}
    return {HEADER: _signature(_signed_text(body), config.secrets[0])}


def _signature(text: bytes, key: str) -> str:
    return b64encode(hmac.new(key.encode(), text, hashlib.sha256).digest()).decode()


def _signed_text(body: bytes) -> bytes:
    return json.dumps(dict(_pairs(body))).encode()


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """The fields; none of a body that is no such form."""
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError:
        return []


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(
        "invoice.paid",
        "payment.received",
        *sorted(INVOICES.values()),
        "freshbooks.invoice.update",
        "freshbooks.payment.update",
        "freshbooks.client.create",
        CALLBACK,
    ),
    dedupe_key=dedupe_key,
    redact=redact,
    complete=complete,
    brings=brings,
    confirm=confirm,
    sign=sign,
    proof="an HMAC-SHA256 of the fields, by a secret it brings",
    secret="brought",  # noqa: S106 - who makes it, not what it is
)
