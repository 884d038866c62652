"""Netlify Forms: an outgoing notification of each submission, signed with a JWS."""

from collections.abc import Mapping, Sequence

from relay.bodies import object_in, object_or_none
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_list, a_map, a_text
from relay.integration import InboundRequest, Source, SourceConfig
from relay.integrations.netlify import proof
from relay.submission import OPTIONS, SUBMITTED, key_of, moment, probed, subject_of, submitted

# What Netlify adds to the fields by itself.
_ABOUT = ("ip", "user_agent", "referrer")
_FACTS = ("email", "name", "first_name", "last_name", "company")


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    body = object_in(request)
    data = body.get("data")
    if not isinstance(data, Mapping):
        raise Unreadable("data is missing: this is no submission of Netlify's")
    fields = {name: value for name, value in data.items() if name not in _ABOUT}
    named = [(label, text) for name, label in _labels(body) if (text := a_text(fields.get(name)))]
    found = {fact: a_text(body.get(fact)) for fact in _FACTS}
    at = moment(body.get("created_at"))
    return [submitted(fields, config, body=body, named=named, found=found, occurred_at=at)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    return key_of("submission", object_or_none(request).get("id"))


def labels(request: InboundRequest, config: SourceConfig) -> dict[str, str]:
    del config
    return dict(_labels(object_or_none(request)))


def _labels(body: Mapping[str, object]) -> list[tuple[str, str]]:
    fields = map(a_map, a_list(body.get("ordered_human_fields")))
    pairs = [(a_text(one.get("name")), a_text(one.get("title"))) for one in fields]
    return [(name, title) for name, title in pairs if name and title]


SOURCE = Source(
    verify=proof.verify,
    parse=parse,
    event_types=(SUBMITTED,),
    dedupe_key=dedupe_key,
    handshake=probed,
    subject=subject_of(parse),
    sign=proof.sign,
    labels=labels,
    proof="a JWS over the body's hash",
    options=OPTIONS,
)
