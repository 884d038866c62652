"""Wufoo webhooks: a form post for each entry, with a shared key among its fields.

wufoo.com/docs/api/v3/webhooks/put. `FieldN` says nothing by itself; with metadata switched on
`FieldStructure` holds the labels.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from relay.bodies import form_in, form_or_none
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_list, a_map, a_text, document
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

KEY, STRUCTURE = "HandshakeKey", "FieldStructure"
_FIELD = re.compile(r"Field\d+")


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """`HandshakeKey` is the source's secret."""
    check_field(KEY, request, config)


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    post = form_in(request)
    fields = {name: value for name, value in post.items() if _FIELD.fullmatch(name)}
    if not fields:
        raise Unreadable("there is no Field1, Field2 …: this is no post of Wufoo's")
    labelled = [(label, name, kind) for name, label, kind in _labels(post)]
    texts = {name: text for name, value in fields.items() if (text := a_text(value))}
    named = [(label, texts[name]) for label, name, _ in labelled if name in texts]
    found = {kind: texts[name] for _, name, kind in reversed(labelled)
             if kind in ("email", "phone") and name in texts}  # fmt: skip
    body = {name: value for name, value in post.items() if name != KEY}
    return [submitted(fields, config, body=body, named=named, found=found)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """The entry's number, which counts within its form only: its second tells forms apart."""
    del config
    post = form_or_none(request)
    return key_of("entry", post.get("DateCreated"), post.get("EntryId"))


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    del config
    return stored_without([KEY], request)


def labels(request: InboundRequest, config: SourceConfig) -> dict[str, str]:
    del config
    found = _labels(form_or_none(request))
    return {name: label.replace(".", ": ", 1) for name, label, _ in found}


def _labels(post: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """Each field's name, its label and its type; a part's label stands after its field's."""
    for field in map(a_map, a_list(_structure(post, STRUCTURE).get("Fields"))):
        title, kind = a_text(field.get("Title")) or "", a_text(field.get("Type")) or ""
        parts = [a_map(part) for part in a_list(field.get("SubFields"))]
        for part in parts:
            if name := a_text(part.get("ID")):
                yield name, f"{title}.{a_text(part.get('Label')) or ''}", kind
        if not parts and (name := a_text(field.get("ID"))):
            yield name, title, kind


def _structure(post: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Metadata, which comes as a JSON text, or not at all."""
    text = post.get(name)
    try:
        return a_map(document(text.encode())) if isinstance(text, str) else {}
    except Unreadable:
        return {}


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(SUBMITTED,),
    dedupe_key=dedupe_key,
    handshake=probed,
    subject=subject_of(parse),
    redact=redact,
    place=placed_in(KEY),
    labels=labels,
    proof="a shared key among the fields",
    options=OPTIONS,
)
