"""Deals beside what was booked for them, in a period: what does not agree, and why.

A deal counts as won when its status is one whose name says so (Deal Won, Paid); a status field
without such an option makes its list none of deals.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from relay.core.errors import InvalidInput
from relay.core.ids import public
from relay.crm.embedded import items, schema
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.records import records
from relay.crm.model import Item, List
from relay.crm.moments import milliseconds
from relay.integration import InBooks, Span
from relay.pipeline import asked
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage.reads import bookings, reconcile, runs
from relay.storage.reads.bookings import BookingRow
from relay.storage.reads.runs import RunRow

# What does not agree, and how it is said.
PROBLEMS: Mapping[str, str] = {
    "not_booked": "won, and not booked",
    "uncertain": "sent, and nobody knows yet whether it was booked",
    "differs": "the amounts differ",
    "no_deal": "booked, and its deal is gone",
    "not_there": "booked, and not in the provider's books any more",
    "changed_there": "changed in the provider's books",
    "unknown": "in the provider's books under a number of ours that no booking has",
    "not_read": "the provider's books could not be read",
}
USUAL_DAYS = 31
_WON = ("won", "paid")
# A prefix of up to five characters, and sixteen of ours.
OURS = re.compile(r"[A-Za-z0-9-]{1,5}[A-Z2-7]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From the first moment of a day to the last of another, in the organization's time zone."""

    since: date
    until: date
    zone: str = "UTC"

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.zone)
        first = datetime.combine(self.since, time.min, zone)
        after = datetime.combine(self.until + timedelta(days=1), time.min, zone)
        return first.astimezone(UTC), after.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One line: a deal, a booking, or both, and what is wrong with them."""

    problem: str
    item_id: str | None
    item_name: str | None
    list_id: str | None
    list: str | None
    deal_amount: str | None
    booked_amount: str | None
    currency: str | None
    connection: str | None
    verb: str | None
    number: str | None
    external_number: str | None
    url: str | None
    run_id: str | None
    why: str


def period_of(since: str | None, until: str | None, now: datetime, zone: str) -> Period:
    """The days that somebody asks for; a month up to today where they do not say. Raises
    InvalidInput."""
    last = _day("until", until) or now.astimezone(ZoneInfo(zone)).date()
    first = _day("since", since) or last - timedelta(days=USUAL_DAYS - 1)
    if first > last:
        raise InvalidInput(f"the period ends ({last}) before it begins ({first})")
    return Period(since=first, until=last, zone=zone)


def differences(
    runtime: Runtime, org: int, period: Period, *, ask: bool = False
) -> list[Difference]:
    """Everything in the period that does not agree: deals first, then bookings without one. `ask`:
    the providers too are asked what stands in their books."""
    first, after = period.bounds
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, org)
        deals = _won(conn, org, first, after)
        made = bookings.between(conn, org, first, after)
        of_deals = bookings.of_items(conn, org, [deal.item.id for deal in deals])
        last = runs.last_of_items(conn, org, [deal.item.id for deal in deals])
        booked = {row.item_id for row in made} - {deal.item.id for deal in deals}
        others = _deals(conn, org, sorted(booked))
    by_item = _by_item([*of_deals, *made])
    found = [_judged(d, by_item.get(d.item.id, []), last.get(d.item.id, []), setup) for d in deals]
    found += [_judged_booking(deal, by_item[deal.item.id]) for deal in others]
    known = {deal.item.id for deal in (*deals, *others)}
    found += [_without_deal(row) for row in made if row.item_id not in known]
    if ask:
        found += _beside(runtime, setup, made, first, after)
    return [one for one in found if one is not None]


def _beside(
    runtime: Runtime, setup: Setup, made: Sequence[BookingRow], first: datetime, after: datetime
) -> Iterator[Difference]:
    """The bookings of the time beside the documents in the books they were made in."""
    booked = [row for row in made if row.state == "booked"]
    active = [row for row in setup.connections if row.state == "active"]
    spans = [
        (one, Span(first=first, after=after,
                   numbers={row.number: row.external_id for row in booked
                            if row.connection == one.name}))
        for one in active
    ]  # fmt: skip
    for told in asked.books(runtime, spans):
        if told.problem is not None:
            yield _line("not_read", connection=told.connection.name, why=told.problem)
            continue
        mine = {row.number: row for row in booked if row.connection == told.connection.name}
        there = {one.number: one for one in told.documents}
        for number, row in mine.items():
            yield from _compared(row, there.get(number))
        for number, one in there.items():
            if number not in mine and not _is_known(runtime, setup, number):
                yield _unknown(told.connection.name, one)


def _compared(row: BookingRow, there: InBooks | None) -> Iterator[Difference]:
    if there is None:
        yield _line("not_there", row=row, why="it was deleted, or its number was changed")
    elif there.amount is not None and row.amount and _decimal(row.amount) != there.amount:
        yield _line("changed_there", row=row, why=f"booked as {row.amount}, now {there.amount}")


def _unknown(connection: str, there: InBooks) -> Difference:
    line = _line("unknown", connection=connection, why=PROBLEMS["unknown"])
    amount = None if there.amount is None else str(there.amount)
    return replace(
        line, number=there.number, external_number=there.external_number, url=there.url,
        booked_amount=amount, currency=there.currency,
    )  # fmt: skip


def _is_known(runtime: Runtime, setup: Setup, number: str) -> bool:
    """Whether it was booked here, if at another time; a number of no shape of ours counts too."""
    if not OURS.fullmatch(number):
        return True
    with runtime.db.read() as conn:
        return bool(bookings.with_number(conn, setup.organization.id, number))


def document(found: Sequence[Difference], period: Period) -> dict[str, object]:
    """As `/api/v1` and `--json` tell it."""
    return {
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "data": [asdict(one) for one in found],
        "next": None,
    }


def as_csv(found: Iterable[Difference]) -> str:
    """As spreadsheets take it; a text that one would take for a formula is shown as text."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = [one.name for one in fields(Difference)]
    writer.writerow(names)
    for row in found:
        values = asdict(row)
        writer.writerow([_harmless(values[name]) for name in names])
    return out.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deal:
    item: Item
    list: List
    amount: Decimal | None


def _won(conn: Connection, org: int, first: datetime, after: datetime) -> list[_Deal]:
    wanted = {
        one.id: {option.id for option in status.options if _is_won(option.display)}
        for one in schema.schema(conn, org).lists
        if (status := one.status) is not None
    }
    lists = [id for id, options in wanted.items() if options]
    ids = reconcile.changed_items(
        conn, org, lists, first=milliseconds(first), after=milliseconds(after)
    )
    return [deal for deal in _deals(conn, org, ids) if _status(deal) in wanted[deal.list.id]]


def _deals(conn: Connection, org: int, ids: Sequence[str]) -> list[_Deal]:
    desk = Desk(conn=conn, org=org, now_ms=0)
    there = items.read(conn, org, set(ids))
    wanted = [there[id] for id in ids if id in there]
    made = records(desk, wanted)
    return [
        _Deal(item=item, list=desk.schema.by_id[item.list_id], amount=_amount(record["item"]))
        for item, record in zip(wanted, made, strict=True)
    ]


def _is_won(option: str) -> bool:
    return any(word in option.lower() for word in _WON)


def _status(deal: _Deal) -> str | None:
    status = deal.list.status
    value = deal.item.values.get(status.id) if status else None
    return value if isinstance(value, str) else None


def _amount(record: object) -> Decimal | None:
    value = record.get("amount") if isinstance(record, Mapping) else None
    return value if isinstance(value, Decimal) else None


def _by_item(rows: Iterable[BookingRow]) -> dict[str, list[BookingRow]]:
    found: dict[str, dict[int, BookingRow]] = defaultdict(dict)
    for row in rows:
        found[row.item_id][row.id] = row
    return {item: list(rows.values()) for item, rows in found.items()}


def _judged(
    deal: _Deal, made: Sequence[BookingRow], last: Sequence[RunRow], setup: Setup
) -> Difference | None:
    if not any(row.state in ("sent", "booked") for row in made):
        asked = [run for run in last if _books(run, setup)]
        return _line("not_booked", deal=deal, run=asked[-1] if asked else None, why=_why(asked))
    return _judged_booking(deal, made)


def _judged_booking(deal: _Deal, made: Sequence[BookingRow]) -> Difference | None:
    for row in made:
        if row.state == "sent":
            return _line("uncertain", deal=deal, row=row, why=PROBLEMS["uncertain"])
    sales = [row for row in made if row.state == "booked" and row.verb != "payment" and row.amount]
    amounts = [_decimal(row.amount) for row in sales]
    if deal.amount is None or not amounts or deal.amount in (*amounts, sum(amounts)):
        return None
    why = f"the deal says {deal.amount}, the books say {' + '.join(map(str, amounts))}"
    return _line("differs", deal=deal, row=sales[-1], why=why)


def _without_deal(row: BookingRow) -> Difference | None:
    if row.state == "open" or row.item_id.startswith("event:"):
        return None
    return _line("no_deal", row=row, why="the deal was deleted after it was booked")


def _books(run: RunRow, setup: Setup) -> bool:
    rule = setup.rules.by_id.get(run.rule_id)
    return rule is None or any(
        step.use.partition(".")[0] in {row.provider for row in setup.connections}
        for step in rule.do
    )


def _why(asked: Sequence[RunRow]) -> str:
    """What became of each rule that would have booked it."""
    told = [f"{run.rule_id} {run.state}{f': {run.reason}' if run.reason else ''}" for run in asked]
    return "; ".join(told) or "no rule books deals like this one"


def _line(
    problem: str,
    *,
    deal: _Deal | None = None,
    row: BookingRow | None = None,
    run: RunRow | None = None,
    connection: str | None = None,
    why: str,
) -> Difference:
    of_run = run.id if run else row.run_id if row else None
    return Difference(
        problem=problem,
        item_id=deal.item.id if deal else row.item_id if row else None,
        item_name=deal.item.name if deal else row.item_name if row else None,
        list_id=deal.list.id if deal else row.list_id if row else None,
        list=deal.list.title if deal else None,
        deal_amount=str(deal.amount) if deal and deal.amount is not None else None,
        booked_amount=row.amount if row else None,
        currency=row.currency if row else None,
        connection=row.connection if row else connection,
        verb=row.verb if row else None,
        number=row.number if row else None,
        external_number=row.external_number if row else None,
        url=row.url if row else None,
        run_id=public("run", of_run) if of_run is not None else None,
        why=why,
    )


def _decimal(text: str | None) -> Decimal:
    try:
        return Decimal(text or "0")
    except InvalidOperation:
        return Decimal(0)


def _day(name: str, text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is a day such as 2026-11-30, not {text!r}") from error


def _harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
