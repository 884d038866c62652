"""Forms of WordPress: Elementor Pro, plug-ins of Contact Form 7, WPForms and whatever else posts a
form or JSON. None of them signs; those that can send a header send the source's secret in one.

Elementor sends `fields[<id>][value]`, `fields[<id>][title]`, `form[id]`, `meta[…]`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from relay.bodies import form_in, form_or_none
from relay.core import options
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
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

_PART = re.compile(r"fields\[([^\[\]]+)\]\[(\w+)\]")
_ABOUT = re.compile(r"(?:form|meta)\[[^\[\]]*\].*")
# Names that Contact Form 7 begins its own fields with.
_OWN = ("_wpcf7", "_wpnonce", "g-recaptcha")


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """The secret in the header that the source names; without one the address is the proof."""
    if header := options.header(config.options, "header"):
        check_header(header, request, config)


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    post = form_in(request)
    fields = _fields(post)
    named = [(label, text) for name, label in _labels(post).items()
             if (text := a_text(fields.get(name)))]  # fmt: skip
    return [submitted(fields, config, body=post, named=named)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """The field that numbers submissions, where the source names one."""
    name = options.text(config.options, "id_field")
    return key_of("entry", form_or_none(request).get(name)) if name else None


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    return without_header(options.header(config.options, "header"), request)


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    del body, now
    header = options.header(config.options, "header")
    return with_header(header, config) if header else {}


def labels(request: InboundRequest, config: SourceConfig) -> dict[str, str]:
    del config
    return _labels(form_or_none(request))


def _fields(post: Mapping[str, object]) -> dict[str, object]:
    """Elementor's values by their ids; of other posts everything but what is about the form."""
    values = {match[1]: value for name, value in post.items()
              if (match := _PART.fullmatch(name)) and match[2] == "value"}  # fmt: skip
    if values:
        return values
    nested = {name: a_map(one).get("value") for name, one in a_map(post.get("fields")).items()
              if "value" in a_map(one)}  # fmt: skip
    if nested:
        return nested
    return {name: value for name, value in post.items()
            if not name.startswith(_OWN) and not _ABOUT.fullmatch(name)}  # fmt: skip


def _labels(post: Mapping[str, object]) -> dict[str, str]:
    flat = {match[1]: a_text(value) for name, value in post.items()
            if (match := _PART.fullmatch(name)) and match[2] == "title"}  # fmt: skip
    nested = {name: a_text(a_map(one).get("title"))
              for name, one in a_map(post.get("fields")).items()}  # fmt: skip
    return {name: label for name, label in (nested | flat).items() if label}


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(SUBMITTED,),
    dedupe_key=dedupe_key,
    handshake=probed,
    subject=subject_of(parse),
    redact=redact,
    sign=sign,
    labels=labels,
    proof="the secret address; a secret in a header by choice",
    options={
        "header": "the header in which the plug-in sends the source's secret, where it can",
        "id_field": "the field that numbers submissions, so that one is taken once",
        **OPTIONS,
    },
)
