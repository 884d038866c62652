"""Files of contacts, accounts and items to and from a remote Relay, large ones in parts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from relay.cli.afar import downloaded, uploaded
from relay.cli.invocation import Invocation
from relay.cli.office import ask_afar
from relay.cli.parts import Part, parts
from relay.core.errors import InvalidInput, RelayError, Unavailable
from relay.crm.naming import nearest
from relay.pipeline.imports import MOST_TOLD, Report, Told
from relay.storage.rows import Bad


@dataclass(slots=True, kw_only=True)
class Sending:
    """A file on its way: `of` is how many lines it has, when that is known."""

    invocation: Invocation
    path: str
    query: Mapping[str, object]
    told: Told
    of: int | None = None

    def all(self, found: Iterator[Part], *, check: bool) -> Report:
        """Sends the parts, one after the other. Where one does not arrive it is said how far the
        others were taken: sent again, the file makes nothing twice."""
        report = Report(stored=not check)
        for part in found:
            try:
                self._send(part, report, check=check)
            except RelayError as error:
                if check or not report.lines:
                    raise
                raise type(error)(
                    f"{error}; {report.lines} lines were taken before: send the file again, which"
                    " makes nothing twice"
                ) from error
        return report

    def _send(self, part: Part, report: Report, *, check: bool) -> None:
        last: Mapping[str, Any] = {}
        query = {**self.query, "check": "true" if check else None}
        for last in uploaded(self.invocation, self.path, query, part.content):
            if "step" in last and (self.of is None or last["step"] == "stored"):
                of = self.of if self.of is not None else last["of"]
                self.told(last["step"], report.lines + last["lines"], of)
        if "bad_lines" not in last:
            raise Unavailable("the remote Relay did not say what came of it")
        _add(report, last, part.before)


def bring_in(
    invocation: Invocation,
    kind: str,
    list_: str | None,
    stream: BinaryIO,
    query: Mapping[str, object],
    told: Told,
) -> Report:
    """As on this machine: while a line is bad nothing is stored, unless those are left out."""
    path = f"import/{_place(invocation, kind, list_)}"
    asked = {name: value for name, value in query.items() if name != "check"}
    sending = Sending(invocation=invocation, path=path, query=asked, told=told)
    format = str(query["format"])
    first, *more = _two(parts(stream, format))
    if query["check"] or more:
        # What several parts hold is checked whole before any of it is stored.
        report = sending.all(parts(stream, format), check=True)
        if query["check"] or (report.bad_lines and not query["skip_bad"]):
            return report
        sending.of = report.lines
        # As on this machine: a line that has become bad since then is left out.
        sending.query = {**asked, "skip_bad": True}
        return sending.all(parts(stream, format), check=False)
    return sending.all(iter([first]), check=False)


@contextmanager
def written_out(
    invocation: Invocation, kind: str, list_: str | None, format: str
) -> Iterator[Iterator[str]]:
    """The remote Relay's, as it comes."""
    path = f"export/{_place(invocation, kind, list_)}"
    with downloaded(invocation, path, {"format": format}) as texts:
        yield texts


def _two(found: Iterator[Part]) -> list[Part]:
    return [part for _, part in zip(range(2), found, strict=False)]


def _add(report: Report, told: Mapping[str, Any], before: int) -> None:
    report.lines += told["lines"]
    report.bad_lines += told["bad_lines"]
    report.stored = report.stored and told["stored"]
    for outcome in report.outcomes:
        report.outcomes[outcome] += told[outcome]
    bad = [Bad(number=one["line"] + before, reason=one["reason"]) for one in told["bad"]]
    report.bad += bad[: MOST_TOLD - len(report.bad)]


def _place(invocation: Invocation, kind: str, list_: str | None) -> str:
    if kind != "items":
        return kind
    if not list_:
        raise InvalidInput("items of which list?")
    known = ask_afar(invocation, "lists", {})["data"]
    found = [one for one in known if list_ in (one["title"], one["id"])]
    if not found:
        titles = {one["title"]: one for one in known}
        raise InvalidInput(f"there is no list {list_!r}{nearest(list_, titles)}")
    return f"lists/{found[0]['id']}/items"
