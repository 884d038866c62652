"""Jotform webhooks: one multipart post for each submission, unsigned.

The answers stand in `rawRequest`, a JSON text; `pretty` repeats them without escaping and is never
read (github.com/zulip/zulip zerver/webhooks/jotform/fixtures). `webhookURL` is our own address,
token included, so it is not kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from relay.bodies import form_in, form_or_none
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text, document, flattened
from relay.integration import InboundRequest, Source, SourceConfig
from relay.submission import (
    OPTIONS,
    SUBMITTED,
    key_of,
    probed,
    stored_without,
    subject_of,
    submitted,
)

OWN_ADDRESS, ANSWERS, PRETTY = "webhookURL", "rawRequest", "pretty"
_QUESTION = re.compile(r"q\d+_(.+)")
_NAME = ("prefix", "first", "middle", "last", "suffix")
_DAY = ("year", "month", "day")
_PHONE = ("full", "country", "area", "phone")


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """Nothing is signed; the address with its token has already been found."""
    del request, config


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    post = form_in(request)
    answers = _answers(post)
    named = dict(_named(answers))
    fields = dict(_fields(named))
    kept = {name: value for name, value in post.items() if name not in (OWN_ADDRESS, PRETTY)}
    body = kept | {ANSWERS: answers}
    return [submitted(fields, config, body=body, named=flattened(named))]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    return key_of("submission", form_or_none(request).get("submissionID"))


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    del config
    return stored_without([OWN_ADDRESS], request)


def _answers(post: Mapping[str, object]) -> Mapping[str, object]:
    raw = post.get(ANSWERS)
    if isinstance(raw, Mapping):
        return raw
    if not isinstance(raw, str):
        raise Unreadable(f"{ANSWERS} is missing: this is no post of Jotform's")
    answers = document(raw.encode())
    if not isinstance(answers, Mapping):
        raise Unreadable(f"{ANSWERS} is not a JSON object")
    return answers


def _named(answers: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Answers by the name that each question has; of two with one name the later one keeps its
    number. Uploads stand under the bare name; the rest is Jotform's own."""
    taken: set[str] = set()
    uploads = {match[1] for name in a_map(answers.get("temp_upload"))
               if (match := _QUESTION.fullmatch(name))}  # fmt: skip
    for sent, value in answers.items():
        match = _QUESTION.fullmatch(sent)
        if match or sent in uploads:
            name = match[1] if match and match[1] not in taken else sent
            taken.add(name)
            yield name, value


def _fields(named: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """A name, a day and a telephone number are one value; other parts are fields of their own."""
    for name, value in named.items():
        if not isinstance(value, Mapping):
            yield name, value
        elif (whole := _whole(value)) is not None:
            yield name, whole
        else:
            yield from ((f"{name}.{part}", inner) for part, inner in value.items())


def _whole(value: Mapping[str, object]) -> str | None:
    parts = value.keys()
    if {"first", "last"} <= parts <= {*_NAME}:
        return _joined(value, _NAME, " ")
    if {*_DAY} == parts:
        return _joined(value, _DAY, "-") if all(a_text(value[part]) for part in _DAY) else ""
    if parts and parts <= {*_PHONE}:
        return _joined(value, _PHONE, " ")
    return None


def _joined(value: Mapping[str, object], parts: Sequence[str], between: str) -> str:
    return between.join(text for part in parts if (text := a_text(value.get(part))))


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(SUBMITTED,),
    dedupe_key=dedupe_key,
    handshake=probed,
    subject=subject_of(parse),
    redact=redact,
    secret="none",  # noqa: S106 - the word for "there is none"
    options=OPTIONS,
)
