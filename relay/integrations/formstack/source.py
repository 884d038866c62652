"""Formstack webhooks: a form post or JSON for each submission, with a shared key among its fields.

developers.formstack.com/docs/webhook-setup. The header of its HMAC is not published, so a person
who switches the HMAC on says what it is called.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from relay import proofs
from relay.bodies import form_in, form_or_none
from relay.core import options
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.signing import HmacScheme
from relay.integration import InboundRequest, Source, SourceConfig
from relay.submission import (
    OPTIONS,
    SUBMITTED,
    check_field,
    key_of,
    placed_in,
    probed,
    stored_without,
    subject_of,
    submitted,
)

KEY, FORM, SUBMISSION = "HandshakeKey", "FormID", "UniqueID"


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """The HMAC-SHA256 of the body in the header that the source names; else `HandshakeKey`."""
    if options.header(config.options, "signature_header"):
        proofs.verify(_scheme(config), request, config)
    else:
        check_field(KEY, request, config)


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    post = form_in(request)
    if SUBMISSION not in post:
        raise Unreadable(f"{SUBMISSION} is missing: this is no post of Formstack's")
    body = {name: value for name, value in post.items() if name != KEY}
    fields = {name: value for name, value in body.items() if name not in (FORM, SUBMISSION)}
    return [submitted(fields, config, body=body)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    post = form_or_none(request)
    return key_of("submission", post.get(FORM), post.get(SUBMISSION))


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    del config
    return stored_without([KEY], request)


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    if not options.header(config.options, "signature_header"):
        return {}
    return proofs.sign(_scheme(config), body, config, now)


def _scheme(config: SourceConfig) -> HmacScheme:
    return HmacScheme(
        header=options.header(config.options, "signature_header"),
        prefix=options.text(config.options, "signature_prefix"),
    )


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(SUBMITTED,),
    dedupe_key=dedupe_key,
    handshake=probed,
    subject=subject_of(parse),
    redact=redact,
    sign=sign,
    place=placed_in(KEY),
    proof="a shared key among the fields; an HMAC-SHA256 by choice",
    options={
        "signature_header": "the header that holds the HMAC-SHA256, where it is switched on there",
        "signature_prefix": "what stands before the HMAC in that header, such as sha256=",
        **OPTIONS,
    },
)
