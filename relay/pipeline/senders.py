"""What a source's sender sends: its last deliveries, and the fields in them that can be mapped."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from relay.core.errors import Unreadable
from relay.core.event import FACTS, ParsedEvent, facts_of
from relay.integration import InboundRequest
from relay.pipeline import reading
from relay.runtime import Runtime
from relay.samples import inbound as request_with
from relay.samples import samples
from relay.storage.events import read_events
from relay.storage.sources import SourceRow
from relay.storage.tables.events import events
from rules.engine.names import optional_path

LAST = 20
MOST = 200  # fields of one delivery that are offered
_DEEPEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One thing a sender told. `event` is None for a sample that ships with Relay."""

    event: int | None
    at: datetime | None
    parsed: ParsedEvent
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderField:
    """A field that can be mapped: what the sender calls it, what people do, what it sent last, and
    the expression that reads it."""

    name: str
    label: str
    sent: object
    expression: str
    is_fact: bool = False


def told(runtime: Runtime, conn: Connection, source: SourceRow) -> list[Delivered]:
    """What the source's last deliveries told, newest first; without one, what its samples do."""
    query = (
        select(events.c.id)
        .where(
            events.c.org_id == source.org,
            events.c.source_id == source.id,
            events.c.kind.in_(("delivery", "completion")),
            events.c.state == "accepted",
        )
        .order_by(events.c.id.desc())
        .limit(LAST)
    )
    rows = read_events(conn, list(conn.execute(query).scalars()))
    setup = runtime.setups.of(conn, source.org)
    found: list[Delivered] = []
    for row in reversed(rows):
        try:
            parsed = reading.parse(runtime, setup, row)
        except Unreadable:
            continue
        labels = _labels(runtime, source, reading.request_of(row), row.received_at)
        found += [
            Delivered(event=row.id, at=row.received_at, parsed=one, labels=labels)
            for one in parsed
            if one.complete
        ]
    return found or _samples(runtime, source)


def _labels(
    runtime: Runtime, source: SourceRow, request: InboundRequest, at: datetime
) -> Mapping[str, str]:
    kind = runtime.integrations[source.type].source
    return kind.labels(request, source.config(at)) if kind and request.body else {}


def _samples(runtime: Runtime, source: SourceRow) -> list[Delivered]:
    integration, now = runtime.integrations[source.type], runtime.clock.now()
    kind = integration.source
    if kind is None:
        return []
    config = source.config(now)
    found: list[Delivered] = []
    for sample in samples(integration):
        try:
            request = request_with(sample, {**sample.headers}, now)
            parsed = kind.parse(request, config)
        except Unreadable:
            continue
        labels = kind.labels(request, config)
        found += [Delivered(event=None, at=None, parsed=one, labels=labels)
                  for one in parsed if one.complete]  # fmt: skip
    return found


def fields_of(delivered: Sequence[Delivered]) -> list[SenderField]:
    """Every field of these deliveries once, with the newest value that is not empty; the facts that
    Relay found first."""
    known: dict[str, SenderField] = {}
    for one in delivered:
        for each in _fields(one):
            if each.expression not in known or _is_empty(known[each.expression].sent):
                known[each.expression] = each
    return sorted(known.values(), key=lambda each: not each.is_fact)[:MOST]


def facts_of_type(type: str) -> list[SenderField]:
    """What an event of that type tells, where none has come yet."""
    return [_fact(name, None) for name in FACTS.get(type, ()) if name != "fields"]


def _fact(name: str, value: object) -> SenderField:
    return SenderField(name=name, label="", sent=value, expression=f"${{event.data.{name}}}",
                       is_fact=True)  # fmt: skip


def _fields(one: Delivered) -> Iterator[SenderField]:
    facts = facts_of(one.parsed)
    for name in FACTS.get(one.parsed.type, ()):
        if name != "fields":
            yield _fact(name, facts.get(name))
    fields = facts.get("fields")
    if isinstance(fields, Mapping):
        for name, value in fields.items():
            if not isinstance(value, Mapping):
                yield SenderField(
                    name=name,
                    label=one.labels.get(name, ""),
                    sent=value,
                    expression=field_expression(name),
                )
    elif not facts and isinstance(one.parsed.body, Mapping):
        yield from _leaves(one.parsed.body, ())


def _leaves(body: Mapping[str, object], path: tuple[str, ...]) -> Iterator[SenderField]:
    for name, value in body.items():
        if isinstance(value, Mapping):
            if len(path) < _DEEPEST and name.isidentifier():
                yield from _leaves(value, (*path, name))
        else:
            dotted = ".".join((*path, name))
            yield SenderField(name=dotted, label="", sent=value,
                              expression=_expression("event.body", *path, name))  # fmt: skip


def field_expression(name: str) -> str:
    """What reads a form's field, null where it was not sent."""
    return _expression("event.data.fields", name)


def _expression(base: str, *names: str) -> str:
    quoted = json.dumps(names[-1], ensure_ascii=False)
    if quoted == f'"{names[-1]}"':
        return f"${{{optional_path(base, *names)}}}"
    inside = ".".join((base, *names[:-1]))
    return f"${{{quoted} in {inside} ? {inside}[{quoted}] : null}}"


def digits_only(expression: str) -> str:
    """`about 40` becomes 40."""
    inner = f"({expression[2:-1]})"
    return f"${{{inner} == null ? null : digits(string({inner}))}}"


def numbers_only(expression: str) -> str:
    """`about 40` leaves the field as it is."""
    inner = f"({expression[2:-1]})"
    looks = f"string({inner}).matches('^ *[-+]?[0-9]+([.][0-9]+)? *$')"
    return f"${{{inner} != null && {looks} ? {inner} : null}}"


def _is_empty(value: object) -> bool:
    return value is None or value in ("", [])
