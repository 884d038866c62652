"""Rows in files: CSV with a heading, or JSON Lines; read and written one at a time, never whole."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from relay.core.errors import InvalidInput, Unreadable
from relay.core.exact_json import dumps, loads
from relay.core.facts import cleaned, has_control
from relay.crm.limits import check_text, check_texts

if TYPE_CHECKING:
    from _csv import Reader

FORMATS = ("csv", "jsonl")
_LONGEST_LINE = 1_000_000
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+\-]?[\d .,()x/;+\-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What stands on a line; `number` counts from 1, the heading included. Of CSV an empty cell is
    no value."""

    number: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A line that cannot be used, and why."""

    number: int
    reason: str


def format_of(name: str) -> str:
    """By a file's name. Raises InvalidInput."""
    ending = name.rpartition(".")[2].lower()
    if ending in ("jsonl", "ndjson"):
        return "jsonl"
    if ending in ("csv", "txt"):
        return "csv"
    raise InvalidInput(f"is {name} CSV or JSON Lines? Say --format csv or --format jsonl")


def read(stream: BinaryIO, format: str) -> Iterator[Row | Bad]:
    """Every line of a file that has something on it."""
    return _csv(stream) if format == "csv" else _json_lines(stream)


def _checked(row: Row) -> Row | Bad:
    try:
        check_texts(row.values)
        ready = cleaned(row.values)
    except (InvalidInput, Unreadable) as error:
        return Bad(number=row.number, reason=str(error))
    assert isinstance(ready, Mapping)  # noqa: S101 - for the type checker
    return Row(number=row.number, values=ready)


def _cells(number: int, heading: Sequence[str], cells: Sequence[str]) -> Row | Bad:
    """The same for cells, which are most of what is imported, and are texts alone."""
    values: dict[str, object] = {}
    for name, cell in zip(heading, cells, strict=False):
        if text := _unquoted(cell.strip()):
            try:
                check_text(name, text)
            except InvalidInput as error:
                return Bad(number=number, reason=str(error))
            values[name] = text.replace("\r\n", "\n") if "\r" in text else text
    return Row(number=number, values=values)


def _csv(stream: BinaryIO) -> Iterator[Row | Bad]:
    # What is no UTF-8 becomes surrogates here, which are refused as control characters.
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _records(csv.reader(text, strict=True))
    finally:
        text.detach()


def _records(reader: "Reader") -> Iterator[Row | Bad]:
    heading: list[str] | None = None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(number=number, reason=f"is no CSV: {error}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if heading is None:
            heading = [cell.strip() for cell in cells]
            if len(set(heading)) < len(heading) or any(map(has_control, heading)):
                yield Bad(
                    number=number, reason="the heading is not one: a column has no name of its own"
                )
                return
        elif len(cells) > len(heading):
            yield Bad(number=number, reason="has more values than the heading has columns")
        else:
            yield _cells(number, heading, cells)


def _json_lines(stream: BinaryIO) -> Iterator[Row | Bad]:
    number = 0
    while line := stream.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            yield Bad(number=number, reason=f"is longer than {_LONGEST_LINE} bytes")
            while line and not line.endswith(b"\n"):
                line = stream.readline(_LONGEST_LINE)
            continue
        if not line.strip():
            continue
        try:
            value = loads(line)
        except ValueError as error:
            yield Bad(number=number, reason=f"is no JSON: {error}")
            continue
        if isinstance(value, Mapping):
            yield _checked(Row(number=number, values=value))
        else:
            yield Bad(number=number, reason="is no JSON object")


def write(
    rows: Iterable[Mapping[str, object]], format: str, columns: Sequence[str]
) -> Iterator[str]:
    """The rows as text, piece by piece; CSV begins with its heading."""
    if format == "jsonl":
        for row in rows:
            yield dumps(row) + "\n"
        return
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_quoted(_cell(row.get(name))) for name in columns])
        yield page.getvalue()
        page.seek(0)
        page.truncate()
    yield page.getvalue()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case list() | tuple():
            return "; ".join(map(str, value))
        case _:
            return str(value)


def _quoted(cell: str) -> str:
    """What a spreadsheet would take for a formula gets an apostrophe before it: a stranger's name
    from a form must compute nothing on the desk of whoever opens the file."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell
