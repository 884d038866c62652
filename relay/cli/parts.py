"""A file of lines in parts that are not too large to send, each whole in itself: no record is torn,
and each part of CSV has the heading."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SIZE = 8_000_000  # bytes: what a slow line sends in the minute that a body may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part's bytes. `before`: how many lines of the file stand before its first, less those of
    the heading that it was given."""

    content: bytes
    before: int


def parts(stream: BinaryIO, format: str, size: int = SIZE) -> Iterator[Part]:
    """At least one. The same file gives the same parts."""
    stream.seek(0)
    records = _csv(stream) if format == "csv" else iter(stream)
    heading = next(records, b"") if format == "csv" else b""
    lines = heading.count(b"\n")
    content, before, given = bytearray(heading), 0, lines
    for record in records:
        if len(content) + len(record) > size and len(content) > len(heading):
            yield Part(content=bytes(content), before=before)
            content, before = bytearray(heading), lines - given
        content += record
        lines += record.count(b"\n")
    yield Part(content=bytes(content), before=before)


def _csv(stream: BinaryIO) -> Iterator[bytes]:
    """Each record's own bytes, as an import reads them; blank lines before the heading are its."""
    taken: list[bytes] = []

    def lines() -> Iterator[str]:
        for line in stream:
            taken.append(line)
            yield line.decode("utf-8-sig", "surrogateescape")

    reader = csv.reader(lines(), strict=True)
    is_heading = True
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            cells = []
        if is_heading and not any(cell.strip() for cell in cells):
            continue
        is_heading = False
        yield b"".join(taken)
        taken.clear()
    if taken:
        yield b"".join(taken)
