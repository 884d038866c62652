"""Files of contacts, accounts and items brought in: read twice, first to find every bad line.

Nothing is stored while a line is bad, unless bad lines are to be left out: then the others are.
Chunks of lines commit one after the other; a file that was cut short by a crash is sent again,
and what is there already stays as it is.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

from sqlalchemy import Connection

from relay.core.errors import InvalidInput, RelayError
from relay.crm.embedded.bulk import firms, items, people
from relay.crm.embedded.bulk.outcome import Outcome
from relay.crm.embedded.desk import Desk
from relay.crm.moments import milliseconds
from relay.crm.port import Author
from relay.pipeline import crm
from relay.runtime import Runtime
from relay.storage import rows
from relay.storage.batches import planned_anew
from relay.storage.rows import Bad, Row

KINDS = ("contacts", "accounts", "items")
CHUNK = 500
MOST_TOLD = 100

# Lines that were checked, or stored, of how many.
Step = tuple[str, int, int | None]
Told = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be brought in. `rules`: what is new or changes sets the rules off, as a change by
    a person does; else they hear nothing of it. `check`: nothing is stored."""

    org: int
    kind: str
    format: str
    author: Author
    list_id: str | None = None
    match: str | None = None
    rules: bool = False
    skip_bad: bool = False
    check: bool = False


@dataclass(slots=True)
class Report:
    """What came of it; the first bad lines with their reasons, and how many there are in all."""

    lines: int = 0
    bad_lines: int = 0
    stored: bool = False
    outcomes: dict[Outcome, int] = field(
        default_factory=lambda: {"created": 0, "updated": 0, "same": 0}
    )
    bad: list[Bad] = field(default_factory=list)

    def refuse(self, number: int, reason: str) -> None:
        """One bad line."""
        self.bad_lines += 1
        if len(self.bad) < MOST_TOLD:
            self.bad.append(Bad(number=number, reason=reason))

    def document(self) -> dict[str, Any]:
        """As `/api/v1` and `--json` tell it."""
        return {
            "lines": self.lines,
            "created": self.outcomes["created"],
            "updated": self.outcomes["updated"],
            "same": self.outcomes["same"],
            "stored": self.stored,
            "bad_lines": self.bad_lines,
            "bad": [{"line": one.number, "reason": one.reason} for one in self.bad],
        }


@dataclass(frozen=True, slots=True)
class _Kind:
    prepare: Callable[[Desk, Sequence[Row]], Sequence[Any]]
    store: Callable[[Desk, Sequence[Any], Author], list[Outcome]]


def bring_in(
    runtime: Runtime, order: Order, stream: BinaryIO, told: Told = lambda *_: None
) -> Report:
    """Reads the stream from its beginning, twice. Raises InvalidInput and NotFound for an order
    that cannot be meant."""
    work = step_by_step(runtime, order, stream)
    while True:
        try:
            told(*next(work))
        except StopIteration as done:
            report: Report = done.value
            return report


def step_by_step(runtime: Runtime, order: Order, stream: BinaryIO) -> Generator[Step, None, Report]:
    """The same, telling how far it is after each chunk."""
    return _steps(runtime, order, _kind(order, stream), stream)


def _steps(
    runtime: Runtime, order: Order, kind: _Kind, stream: BinaryIO
) -> Generator[Step, None, Report]:
    report = yield from _checked(runtime, order, kind, stream)
    if order.check or (report.bad_lines and not order.skip_bad):
        return report
    found = Report()
    for chunk in _chunks(stream, order.format, found):
        _stored(runtime, order, kind, chunk, found)
        yield "stored", found.lines, report.lines
    found.stored = True
    return found


def _checked(
    runtime: Runtime, order: Order, kind: _Kind, stream: BinaryIO
) -> Generator[Step, None, Report]:
    report = Report()
    for chunk in _chunks(stream, order.format, report):
        with runtime.db.read() as conn, planned_anew(conn):
            desk = _desk(runtime, conn, order.org)
            for row, line in zip(chunk, kind.prepare(desk, chunk), strict=True):
                if isinstance(line, RelayError):
                    report.refuse(row.number, str(line))
        yield "checked", report.lines, None
    report.bad.sort(key=lambda one: one.number)
    return report


def _stored(
    runtime: Runtime, order: Order, kind: _Kind, chunk: Sequence[Row], report: Report
) -> None:
    """One transaction. A line that has become bad since it was checked is left out."""

    def work(desk: Desk) -> list[Outcome]:
        with planned_anew(desk.conn):
            lines = list(kind.prepare(desk, chunk))
            for row, line in zip(chunk, lines, strict=True):
                if isinstance(line, RelayError):
                    report.refuse(row.number, str(line))
            good = [line for line in lines if not isinstance(line, RelayError)]
            outcomes = kind.store(desk, good, order.author)
        if not order.rules:
            desk.touched.clear()
        return outcomes

    for outcome in crm.edit(runtime, order.org, work):
        report.outcomes[outcome] += 1


def _chunks(stream: BinaryIO, format: str, report: Report) -> Iterator[list[Row]]:
    """The rows in chunks; lines that are none go to the report."""
    stream.seek(0)
    lines = rows.read(stream, format)
    while part := list(islice(lines, CHUNK)):
        report.lines += len(part)
        for one in part:
            if isinstance(one, Bad):
                report.refuse(one.number, one.reason)
        if good := [one for one in part if isinstance(one, Row)]:
            yield good


def _desk(runtime: Runtime, conn: Connection, org: int) -> Desk:
    return Desk(conn=conn, org=org, now_ms=milliseconds(runtime.clock.now()))


def _kind(order: Order, stream: BinaryIO) -> _Kind:
    match order.kind:
        case "contacts":
            return _Kind(people.prepare, people.store)
        case "accounts":
            return _Kind(firms.prepare, firms.store)
        case "items" if order.list_id is not None:
            if order.match not in (None, *items.MATCHES):
                raise InvalidInput(f"items are matched by {' or '.join(items.MATCHES)}")
            stream.seek(0)
            digest = hashlib.sha256()
            while part := stream.read(1 << 20):
                digest.update(part)
            plan = items.Plan(
                list_id=order.list_id, digest=digest.hexdigest()[:32], match=order.match
            )
            return _Kind(
                partial(items.prepare, plan=plan),
                lambda desk, lines, author: items.store(desk, lines, author, plan),
            )
        case "items":
            raise InvalidInput("items of which list?")
        case other:
            raise InvalidInput(f"there is nothing called {other!r}: {', '.join(KINDS)}")
