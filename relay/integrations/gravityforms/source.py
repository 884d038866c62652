"""Gravity Forms' Webhooks Add-On: an entry as JSON or as a form, with a secret in a header.

docs.gravityforms.com/triggering-webhooks-form-submissions and …/webhooks-feed-meta. "All fields"
sends values under numbers such as "1.3"; chosen fields come under names of the feed's own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from relay.bodies import form_in, form_or_none
from relay.core import options
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_text
from relay.integration import InboundRequest, Source, SourceConfig
from relay.submission import (
    OPTIONS,
    SUBMITTED,
    check_header,
    key_of,
    probed,
    subject_of,
    submitted,
    with_header,
    without_header,
)

HEADER = "authorization"
# What an entry says about itself.
_ABOUT = frozenset({
    "id", "form_id", "post_id", "date_created", "date_updated", "is_starred", "is_read", "ip",
    "source_url", "source_id", "user_agent", "currency", "payment_status", "payment_date",
    "payment_amount", "payment_method", "transaction_id", "is_fulfilled", "created_by",
    "transaction_type", "status",
})  # fmt: skip
_NUMBERED = re.compile(r"(\d+)\.(\d+)")
# Inputs of a field of type Name (first, last); one of type Address has the two that no name has.
_FIRST, _LAST, _OF_ADDRESS = "3", "6", {"1", "5"}


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """The header of the feed holds the source's secret."""
    check_header(_header(config), request, config)


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    entry = form_in(request)
    fields = {name: value for name, value in entry.items() if name not in _ABOUT}
    if not fields:
        raise Unreadable("the entry holds no field")
    return [submitted(fields, config, body=entry, named=_names(fields))]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """The entry's id; a feed that sends chosen fields only may leave it out."""
    del config
    entry = form_or_none(request)
    return key_of("entry", entry.get("form_id"), entry.get("date_created"), entry.get("id"))


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    return without_header(_header(config), request)


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    del body, now
    return with_header(_header(config), config)


def _header(config: SourceConfig) -> str:
    return options.header(config.options, "header") or HEADER


def _names(fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """First and last name of the first field of type Name."""
    inputs: dict[str, dict[str, str]] = {}
    for name, value in fields.items():
        if match := _NUMBERED.fullmatch(name):
            inputs.setdefault(match[1], {})[match[2]] = a_text(value) or ""
    for parts in inputs.values():
        if {_FIRST, _LAST} <= parts.keys() and _OF_ADDRESS.isdisjoint(parts):
            yield "first_name", parts[_FIRST]
            yield "last_name", parts[_LAST]


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(SUBMITTED,),
    dedupe_key=dedupe_key,
    handshake=probed,
    subject=subject_of(parse),
    redact=redact,
    sign=sign,
    proof="a secret in a header",
    options={"header": "the header that holds the secret (Authorization)", **OPTIONS},
)
