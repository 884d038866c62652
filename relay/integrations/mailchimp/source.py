"""Mailchimp's audience webhooks: form posts, signed where the webhook was made with a secret.

mailchimp.com/developer/marketing, "Sync audience data with webhooks". The address is asked for
once by GET, when the webhook is made.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from relay import people, proofs
from relay.bodies import form_in, form_or_none
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_text
from relay.core.signing import HmacScheme
from relay.integration import Answer, InboundRequest, Source, SourceConfig

SCHEME = HmacScheme(
    header="x-mailchimp-signature",
    prefix="v1=",
    separator=",",
    timestamp="part:t=",
    signed="{timestamp}.{body}",
)

EVENTS: Mapping[str, str] = {
    "subscribe": "member.subscribed",
    "unsubscribe": "member.unsubscribed",
    "profile": "member.updated",
    "upemail": "member.updated",
}

Fields = Mapping[str, object]


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """The signature over the body as it was encoded, where a secret is kept; older webhooks have
    none, and their address is the proof."""
    if config.secrets:
        proofs.verify(SCHEME, request, config)


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """One event. `fired_at` names no zone, so it is left in the body."""
    del config
    fields = form_in(request)
    sent = a_text(fields.get("type"))
    if sent is None:
        raise Unreadable("type is missing")
    name = EVENTS.get(sent)
    if name is None:
        return [ParsedEvent(type=f"mailchimp.{sent[:60]}", body=fields)]
    return [ParsedEvent(type=name, data=_facts(fields), body=fields)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """There is no delivery's id: what happened to whom, and when."""
    del config
    fields = form_or_none(request)
    who = _text(fields, "data[id]") or _text(fields, "data[new_id]") or _text(fields, "data[email]")
    parts = (_text(fields, "type"), who, _text(fields, "fired_at"))
    return ":".join(part or "" for part in parts)[:300] if all(parts) else None


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    return people.email(_address(form_or_none(request)))


def handshake(request: InboundRequest, config: SourceConfig) -> Answer | None:
    """The probe when a webhook is made."""
    del config
    return Answer(status=200) if request.method in ("GET", "HEAD") else None


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    return proofs.sign(SCHEME, body, config, now) if config.secrets else {}


def _facts(fields: Fields) -> dict[str, object]:
    merges = {
        name.removeprefix("data[merges][").removesuffix("]"): value
        for name, value in fields.items()
        if name.startswith("data[merges][") and name.count("[") == 2  # noqa: PLR2004 - no groups
    }
    if before := _text(fields, "data[old_email]"):
        merges["OLD_EMAIL"] = before
    names = [a_text(merges.get(name)) for name in ("FNAME", "LNAME")]
    return {
        "email": people.email(_address(fields)),
        "name": " ".join(name for name in names if name) or None,
        "list": _text(fields, "data[list_id]"),
        "fields": merges,
    }


def _address(fields: Fields) -> str | None:
    return _text(fields, "data[new_email]") or _text(fields, "data[email]")


def _text(fields: Fields, name: str) -> str | None:
    return a_text(fields.get(name))


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(*sorted(set(EVENTS.values())), "mailchimp.cleaned", "mailchimp.campaign"),
    dedupe_key=dedupe_key,
    subject=subject,
    handshake=handshake,
    sign=sign,
    proof="a timed HMAC-SHA256, or the address alone",
    secret="pasted",  # noqa: S106 - who makes it, not what it is
)
