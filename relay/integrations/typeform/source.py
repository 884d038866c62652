"""Typeform webhooks: signed JSON, one for each response.

typeform.com/developers/webhooks and …/webhooks/example-payload. A 404 or 410 switches the webhook
off at Typeform; that is the inbound route's to avoid.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from relay import people, proofs
from relay.bodies import object_in, object_or_none
from relay.core import options
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_list, a_map, a_text, find_person
from relay.core.signing import HmacScheme
from relay.integration import InboundRequest, Source, SourceConfig
from relay.submission import probed

# Of the raw body; there is no time.
SCHEME = HmacScheme(header="typeform-signature", encoding="base64", prefix="sha256=")
COMPLETE = "form_response"


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """A finished response is `form.submitted`; a half-filled one keeps Typeform's own name."""
    body = object_in(request)
    kind = a_text(body.get("event_type"))
    if kind is None:
        raise Unreadable("event_type is missing")
    response = a_map(body.get("form_response"))
    at = _time(response.get("submitted_at"))
    if kind != COMPLETE:
        return [ParsedEvent(type=f"typeform.{kind[:60]}", body=body, occurred_at=at)]
    if not response:
        raise Unreadable("form_response is missing")
    facts = _facts(response, options.text(config.options, "region", people.REGION))
    return [ParsedEvent(type="form.submitted", data=facts, body=body, occurred_at=at)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    return a_text(object_or_none(request).get("event_id"))


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    response = a_map(object_or_none(request).get("form_response"))
    return people.email(_found(response).get("email"))


def labels(request: InboundRequest, config: SourceConfig) -> dict[str, str]:
    """Each field's question, by its `ref`."""
    del config
    response = a_map(object_or_none(request).get("form_response"))
    fields = map(a_map, a_list(a_map(response.get("definition")).get("fields")))
    pairs = [(a_text(one.get("ref")) or a_text(one.get("id")), a_text(one.get("title")))
             for one in fields]  # fmt: skip
    return {name: title for name, title in pairs if name and title}


def _facts(response: Mapping[str, object], region: str) -> dict[str, object]:
    """The person, and every answer under its field's `ref`: titles hold templates and change."""
    fields = {**a_map(response.get("hidden"))}
    for answer in _answers(response):
        field = a_map(answer.get("field"))
        name = a_text(field.get("ref")) or a_text(field.get("id"))
        if name:
            fields[name] = _value(answer)
    return people.person(_found(response), region) | {"fields": fields}


def _found(response: Mapping[str, object]) -> dict[str, str | None]:
    """The first answer of type email or phone_number; the rest by the field's ref or title."""
    named = list(_named(response))
    hidden = [(name, text) for name, value in a_map(response.get("hidden")).items()
              if (text := a_text(value))]  # fmt: skip
    found: dict[str, str | None] = dict(find_person([*named, *hidden]))
    for fact, kind in (("email", "email"), ("phone", "phone_number")):
        typed = (a_text(answer.get(kind)) for answer in _answers(response)
                 if answer.get("type") == kind)  # fmt: skip
        found[fact] = next((text for text in typed if text), found.get(fact))
    return found


def _named(response: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    fields = a_list(a_map(response.get("definition")).get("fields"))
    titles = {a_text(a_map(field).get("id")): a_text(a_map(field).get("title")) for field in fields}
    for answer in _answers(response):
        field = a_map(answer.get("field"))
        text = a_text(_value(answer))
        for name in (a_text(field.get("ref")), titles.get(a_text(field.get("id")))):
            if name and text:
                yield name, text


def _answers(response: Mapping[str, object]) -> list[Mapping[str, object]]:
    return [a_map(answer) for answer in a_list(response.get("answers"))]


def _value(answer: Mapping[str, object]) -> object:
    """An answer's value stands under the name of its type."""
    kind = a_text(answer.get("type")) or ""
    value = answer.get(kind)
    if kind == "choice":
        chosen = a_map(value)
        return chosen.get("label") or chosen.get("other")
    if kind == "choices":
        chosen = a_map(value)
        other = chosen.get("other")
        return [*a_list(chosen.get("labels")), *([other] if other else [])]
    return value


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(a_text(value) or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


SOURCE = Source(
    verify=partial(proofs.verify, SCHEME),
    parse=parse,
    event_types=("form.submitted", "typeform.form_response_partial"),
    dedupe_key=dedupe_key,
    handshake=probed,
    subject=subject,
    sign=partial(proofs.sign, SCHEME),
    labels=labels,
    proof="an HMAC-SHA256 of the body",
    options={"region": "the country of telephone numbers without a country code (US)"},
)
