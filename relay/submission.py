"""What form builders have in common: a form's fields as the event they become, the person found in
them, a secret that travels among the fields, and the post as it may be stored."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote_plus

from relay import forms, people
from relay.bodies import form_or_none
from relay.core import exact_json, options
from relay.core.errors import BadSignature, Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_text, find_person, flattened
from relay.core.signing import same_secret
from relay.integration import Answer, InboundRequest, SourceConfig

SUBMITTED = "form.submitted"
OPTIONS: Mapping[str, str] = {
    "region": "the country of telephone numbers without a country code (US)",
    "email_field": "the field that holds the email address, where its name does not say so",
}
Parse = Callable[[InboundRequest, SourceConfig], Sequence[ParsedEvent]]


def submitted(
    fields: Mapping[str, object],
    config: SourceConfig,
    *,
    body: object,
    named: Iterable[tuple[str, str]] = (),
    found: Mapping[str, str | None] | None = None,
    occurred_at: datetime | None = None,
) -> ParsedEvent:
    """The event of a form that was filled in. `named` holds its values under further names, such
    as labels; `found` is what the builder itself says of the person, which goes first."""
    texts = list(flattened(fields))
    person: dict[str, str | None] = dict(find_person([*texts, *named]))
    person |= {fact: text for fact, text in (found or {}).items() if text}
    if chosen := options.text(config.options, "email_field"):
        person["email"] = dict(texts).get(chosen)
    region = options.text(config.options, "region", people.REGION)
    return ParsedEvent(
        type=SUBMITTED,
        data=people.person(person, region) | {"fields": dict(fields)},
        body=body,
        occurred_at=occurred_at,
    )


def probed(request: InboundRequest, config: SourceConfig) -> Answer | None:
    """A builder's page looks whether anybody is there before it sends: yes, and nothing more."""
    del config
    return Answer() if request.method in ("GET", "HEAD") else None


def subject_of(parse: Parse) -> Callable[[InboundRequest, SourceConfig], str | None]:
    """A source's `subject`: the address in the one form of a delivery."""

    def subject(request: InboundRequest, config: SourceConfig) -> str | None:
        try:
            events = parse(request, config)
        except Unreadable:
            return None
        return a_text(events[0].data.get("email")) if len(events) == 1 else None

    return subject


def key_of(prefix: str, *parts: object) -> str | None:
    """A delivery's key from the sender's own ids; None where the last of them is missing."""
    texts = [(a_text(part) or "")[:100] for part in parts]
    return f"{prefix}:{':'.join(texts)}" if texts[-1] else None


def check_field(name: str, request: InboundRequest, config: SourceConfig) -> None:
    """The field must hold one of the source's secrets. Raises BadSignature."""
    given = a_text(form_or_none(request).get(name)) or ""
    if not same_secret(given, config.secrets):
        raise BadSignature(f"the field {name} does not hold the source's secret")


def placed_in(name: str) -> Callable[[bytes, SourceConfig], bytes]:
    """A source's `place`: the post, a form or JSON, with the source's secret under that name."""
    form = re.compile(rb"(?<![^&])%b=[^&]*" % name.encode())
    json = re.compile(rb'("%b"\s*:\s*)"(?:[^"\\]|\\.)*"' % name.encode())

    def place(body: bytes, config: SourceConfig) -> bytes:
        secret = config.secrets[0]
        if body.lstrip()[:1] == b"{":
            return json.sub(lambda found: found[1] + exact_json.dumps(secret).encode(), body)
        return form.sub(lambda _: f"{name}={quote_plus(secret)}".encode(), body)

    return place


def check_header(name: str, request: InboundRequest, config: SourceConfig) -> None:
    """The header must hold one of the source's secrets, after `Bearer` or alone. Raises
    BadSignature."""
    given = request.headers.get(name, "")
    kind, _, rest = given.partition(" ")
    secret = rest.strip() if kind.lower() == "bearer" else given.strip()
    if not same_secret(secret, config.secrets):
        raise BadSignature(f"the header {name} does not hold the source's secret")


def with_header(name: str, config: SourceConfig) -> dict[str, str]:
    """The header that `check_header` takes."""
    secret = config.secrets[0]
    return {name: f"Bearer {secret}" if name == "authorization" else secret}


def without_header(name: str, request: InboundRequest) -> InboundRequest:
    """The post as it may be stored, and without the header that holds a secret."""
    stored = stored_without([], request)
    kept = {each: text for each, text in stored.headers.items() if each != name}
    return replace(stored, headers=kept)


def stored_without(names: Iterable[str], request: InboundRequest) -> InboundRequest:
    """The post as the JSON of its fields, which reads into the same event, without those named and
    without the contents of files."""
    fields = form_or_none(request)
    hidden = {name for name in names if name in fields}
    kind, _ = forms.content_type(request.headers.get("content-type", ""))
    if not fields or (kind != forms.MULTIPART and not hidden):
        return request
    kept = {name: value for name, value in fields.items() if name not in hidden}
    headers = {**request.headers, "content-type": "application/json"}
    return replace(request, body=exact_json.dumps(kept).encode(), headers=headers)


def moment(value: object) -> datetime | None:
    """When it was sent, as RFC 3339; None for anything else."""
    try:
        at = datetime.fromisoformat(a_text(value) or "")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
