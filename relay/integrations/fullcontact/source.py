"""FullContact callbacks: business cards (Card Reader v2, in two shapes) and people (v2, v3).

Shapes: github.com/fullcontact/fullcontact4j src/test/resources, and
github.com/fullcontact/fullcontact-python-client tests/resources/api_responses. Nothing is signed:
the token in the callback address is the proof. A v3 person carries no identifier and often no
address, so the address asked for may be put into the callback's query (`?email=…&job=…`), as
docs.fullcontact.com/docs/webhooks advises.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from relay import people
from relay.bodies import object_in, object_or_none
from relay.core import options
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_list, a_map, a_text
from relay.integration import InboundRequest, Source, SourceConfig

_OWN_URL = re.compile(rb'("webhookUrl"\s*:\s*")(?:[^"\\]|\\.)*')
_STREET = ("streetAddress", "extendedAddress")
_PLACE = ("locality", "region", "postalCode", "country")


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """Nothing is signed; the address with its token has already been found."""
    del request, config


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    body = _body(request)
    region = options.text(config.options, "region", people.REGION)
    match body:
        case {"contact": Mapping()}:
            return [_card(body, region, config)]
        case {"result": Mapping() as result}:
            return [_person_v2(body, result, request, region)]
        case {"fullName": _} | {"details": Mapping()}:
            return [_person(body, request, region)]
        case {"status": 202 | 404}:
            return []
        case {"status": str() as status, "id": _}:
            return [ParsedEvent(type=f"fullcontact.card_{status[:40].lower()}", body=body)]
        case _:
            raise Unreadable("neither a business card (contact) nor a person (fullName, details)")


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """A card's own id; for a person the `job` that was put into the callback's query."""
    del config
    body = object_or_none(request)
    card, job = a_text(body.get("id")), request.query.get("job")
    if "contact" in body and card:
        return f"card:{card}"
    return f"job:{job[:200]}" if body and job else None


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    try:
        events = parse(request, config)
    except Unreadable:
        return None
    return a_text(events[0].data.get("email")) if events else None


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    """The card's envelope repeats our address, token included."""
    del config
    return replace(request, body=_OWN_URL.sub(rb"\1", request.body))


def _body(request: InboundRequest) -> dict[str, object]:
    return {name: item for name, item in object_in(request).items() if name != "webhookUrl"}


def _card(body: Mapping[str, object], region: str, config: SourceConfig) -> ParsedEvent:
    """What a person confirmed; what was only read (`unverifiedContact`) by choice."""
    contact = a_map(body.get("contact"))
    if options.yes(config.options, "unverified", default=False):
        contact = {**a_map(body.get("unverifiedContact")), **_filled(contact)}
    name = a_map(contact.get("name"))
    job = _primary(a_list(contact.get("organizations")))
    data = _facts(
        {
            "first_name": a_text(name.get("givenName")),
            "last_name": a_text(name.get("familyName")),
            "phone": _value(contact.get("phoneNumbers")),
            "company": a_text(job.get("name")),
        },
        _values(contact.get("emails")),
        region,
    )
    addresses = [_address(a_map(each)) for each in a_list(contact.get("addresses"))]
    return ParsedEvent(
        type="card.scanned",
        data=data
        | {
            "title": a_text(job.get("title")),
            "website": _value(contact.get("urls")),
            "address": next((each for each in addresses if each), None),
        },
        body=body,
    )


def _person(body: Mapping[str, object], request: InboundRequest, region: str) -> ParsedEvent:
    details = a_map(body.get("details"))
    name = a_map(details.get("name"))
    asked = [request.query["email"]] if "email" in request.query else []
    data = _facts(
        {
            "name": a_text(body.get("fullName")) or a_text(name.get("full")),
            "first_name": a_text(name.get("given")),
            "last_name": a_text(name.get("family")),
            "phone": _value(details.get("phones")) or request.query.get("phone"),
            "company": a_text(body.get("organization")),
        },
        [*asked, *_values(details.get("emails"))],
        region,
    )
    extra = {
        "title": a_text(body.get("title")),
        "website": a_text(body.get("website")),
        "address": a_text(body.get("location")),
    }
    return ParsedEvent(type="person.enriched", data=data | extra, body=body)


def _person_v2(
    body: Mapping[str, object],
    result: Mapping[str, object],
    request: InboundRequest,
    region: str,
) -> ParsedEvent:
    info = a_map(result.get("contactInfo"))
    job = _primary(a_list(result.get("organizations")))
    place = a_map(a_map(result.get("demographics")).get("locationDeduced"))
    asked = [request.query["email"]] if "email" in request.query else []
    data = _facts(
        {
            "name": a_text(info.get("fullName")),
            "first_name": a_text(info.get("givenName")),
            "last_name": a_text(info.get("familyName")),
            "company": a_text(job.get("name")),
        },
        asked,
        region,
    )
    websites = [a_map(each) for each in a_list(info.get("websites"))]
    extra = {
        "title": a_text(job.get("title")),
        "website": next((a_text(each.get("url")) for each in websites), None),
        "address": a_text(place.get("deducedLocation")),
    }
    return ParsedEvent(type="person.enriched", data=data | extra, body=body)


def _facts(
    found: Mapping[str, str | None], written: Sequence[str], region: str
) -> dict[str, object]:
    emails = list(dict.fromkeys(each for text in written if (each := people.email(text))))
    facts = people.person({**found, "email": emails[0] if emails else None}, region)
    return facts | {"emails": emails}


def _values(items: object) -> list[str]:
    """`[{"type": "work", "value": "…"}]`; v3 lists may hold plain texts."""
    texts = (a_text(a_map(each).get("value")) or a_text(each) for each in a_list(items))
    return [text for text in texts if text]


def _value(items: object) -> str | None:
    return next(iter(_values(items)), None)


def _primary(items: Sequence[object]) -> Mapping[str, object]:
    found = [a_map(each) for each in items]
    return next((each for each in found if each.get("isPrimary")), found[0] if found else {})


def _filled(contact: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in contact.items() if value}


def _address(address: Mapping[str, object]) -> str | None:
    parts = (a_text(address.get(name)) for name in (*_STREET, *_PLACE))
    return ", ".join(part for part in parts if part) or None


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=("card.scanned", "person.enriched"),
    dedupe_key=dedupe_key,
    subject=subject,
    redact=redact,
    secret="none",  # noqa: S106 - the word for "there is none"
    options={
        "region": "the country of telephone numbers without a country code (US)",
        "unverified": "yes: also take what no person has confirmed on the card",
    },
)
