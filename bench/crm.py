"""The CRM with 100,000 contacts and items beside itself with 1,000: nothing may grow with them."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask.testing import FlaskClient

from bench.harness import Report, in_turns
from bench.house import House, opened
from relay.crm.embedded.schema import schema
from relay.crm.port import Author
from relay.pipeline import imports
from relay.pipeline.imports import Order
from relay.web.app import create_app

FEW, MANY = 1_000, 100_000
CALLS = 200
PAGES = 10
LINES_PER_SECOND = 5_000


class Side:
    """A CRM of one size, and a program at its API."""

    def __init__(self, house: House, size: int) -> None:
        self.size = size
        self.rates = {kind: _fill(house, kind, size) for kind in ("contacts", "items")}
        if house.runtime.db.dialect == "postgresql":
            house.settle()
        self._auth = (house.made.key, house.made.secret)
        self._client: FlaskClient = create_app(house.runtime).test_client()
        lists = self._get("/v2/lists")["objects"]
        leads = next(one for one in lists if one["title"] == "Leads")
        self._items = f"/v2/lists/{leads['id']}/listitems"
        page = self._get(f"{self._items}?_start={size // 2}&_limit=200")["objects"]
        self._ids = [one["id"] for one in page]
        self._turn = 0

    def look_up(self) -> float:
        """Milliseconds to find a contact by address."""
        return self._each(CALLS, lambda n: self._get(_person(n * 37 % self.size)))

    def update(self) -> float:
        """Milliseconds to set one field of one item."""
        return self._each(CALLS, self._set)

    def page(self) -> float:
        """Milliseconds for a page of 200 items."""
        return self._each(PAGES, lambda _: self._get(f"{self._items}?_limit=200"))

    def _set(self, number: int) -> None:
        self._turn += 1
        values = {"fieldValues": {"1": [{"raw": f"Acme {self._turn}"}]}}
        path = f"{self._items}/{self._ids[number % len(self._ids)]}"
        answer = self._client.put(path, json=values, auth=self._auth)
        assert answer.status_code == 200, answer.get_data(as_text=True)

    def _get(self, path: str) -> dict[str, list[dict[str, str]]]:
        answer = self._client.get(path, auth=self._auth)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        found: dict[str, list[dict[str, str]]] = answer.get_json()
        return found

    def _each(self, times: int, call: Callable[[int], object]) -> float:
        begun = time.perf_counter()
        for number in range(times):
            call(number)
        return (time.perf_counter() - begun) / times * 1000


def run() -> Report:
    """Both databases, in process: the application without its server."""
    report = Report(
        name="crm",
        about=f"`/v2` with {MANY:,} contacts and {MANY:,} items beside the same with {FEW:,}, in"
        " process; and the import that filled it, checked and stored, 500 lines a commit.",
    )
    for kind in ("postgresql", "sqlite"):
        with _side(kind, FEW) as few, _side(kind, MANY) as many:
            _measure(report, kind, few, many)
    return report


def _measure(report: Report, kind: str, few: Side, many: Side) -> None:
    bar = LINES_PER_SECOND if kind == "postgresql" else None
    for what, rate in many.rates.items():
        report.add(f"{kind}: import of {what}", "/s", [rate], bar=bar)
    for what, call, most in (
        ("look-up by address", Side.look_up, 9.0),
        ("update of one item", Side.update, 9.0),
        ("page of 200 items", Side.page, 50.0),
    ):
        call(few), call(many)
        found = in_turns({"few": lambda: call(few), "many": lambda: call(many)})  # noqa: B023
        report.add(f"{kind}: {what}, {MANY:,}", "ms", found["many"], bar=most, at_least=False)
        ratios = [a / b for a, b in zip(found["many"], found["few"], strict=True)]
        bar_of_growth = 1.2 if "page" not in what else None
        report.add(f"{kind}: {what}, beside {FEW:,}", "times", ratios, bar=bar_of_growth,
                   at_least=False)  # fmt: skip


@contextmanager
def _side(kind: str, size: int) -> Iterator[Side]:
    with opened(kind, run=[]) as house:
        yield Side(house, size)


def _fill(house: House, kind: str, size: int) -> float:
    """Lines a second."""
    text = _people(size) if kind == "contacts" else _leads(size)
    with house.runtime.db.read() as conn:
        leads = next(one for one in schema(conn, house.made.org).lists if one.title == "Leads")
    order = Order(
        org=house.made.org,
        kind=kind,
        format="csv",
        author=Author(kind="person", ref="bench"),
        list_id=leads.id if kind == "items" else None,
    )
    begun = time.perf_counter()
    report = imports.bring_in(house.runtime, order, io.BytesIO(text.encode()))
    assert report.outcomes["created"] == size, report.document()
    return size / (time.perf_counter() - begun)


def _people(size: int) -> str:
    lines = (
        f"p{n}@company{n % 5000}.example,Kim Example {n},+1415555{n % 10000:04}"
        for n in range(size)
    )
    return "email,name,phone\n" + "\n".join(lines)


def _leads(size: int) -> str:
    lines = (f"p{n}@company{n % 5000}.example,New,Company {n % 5000}" for n in range(size))
    return "contacts,status,account_name\n" + "\n".join(lines)


def _person(number: int) -> str:
    return f"/v2/contacts?properties.email=p{number}@company{number % 5000}.example"
