"""A whole Relay in one process: the real bootstrap, a real web server on loopback, and a worker's
engine that is driven until nothing is left to do."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from flask import Flask
from sqlalchemy import select, update

from relay import bootstrap, first
from relay.integration import Integration
from relay.integrations import INTEGRATIONS
from relay.pipeline import rules, sandbox
from relay.pipeline.engine import TASK_OF, Engine
from relay.queue import Silent
from relay.runtime import Runtime
from relay.settings import Settings
from relay.storage import sources, work
from relay.storage.sandbox import StoredBooks
from relay.storage.tables.deadlines import schedules, stays
from relay.storage.tables.events import event_outcomes, events
from relay.storage.tables.runs import attempts, bookings, runs, steps
from relay.storage.tables.work import work as waiting
from relay.web.app import create_app
from tests.serving import PLAIN, served
from tests.stores import Store

RULES = Path(__file__).parents[2] / "rules"
HOUR = timedelta(hours=1)
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@dataclass
class House:
    """What a person, a sender and a worker can do with it."""

    runtime: Runtime
    made: first.First
    engine: Engine
    base_url: str

    @cached_property
    def app(self) -> Flask:
        """Made when it is asked for first: not every scenario calls it, and it takes a while."""
        return create_app(self.runtime)

    def post(self, source: str, **request: Any) -> httpx.Response:
        """A delivery to a source's inbound address."""
        return httpx.post(self.inbound(source), trust_env=False, verify=PLAIN, **request)

    def inbound(self, source: str) -> str:
        with self.runtime.db.read() as conn:
            row = sources.source_named(conn, self.runtime.vault, self.made.org, source)
        return f"{self.base_url}/in/{row.type}/{row.token}"

    def source(self, name: str) -> sources.SourceRow:
        with self.runtime.db.read() as conn:
            return sources.source_named(conn, self.runtime.vault, self.made.org, name)

    def settle(self) -> None:
        """Works until nothing is due and nothing is in flight."""
        while True:
            assert self.engine.drain(30)
            found = False
            for kind, task in TASK_OF.items():
                ids = work.overdue(self.runtime.db, kind, grace=0.0)
                if ids:
                    found = True
                    self.engine.run(task, ids)
            if not found and self.engine.drain(30):
                return

    def later(self) -> None:
        """Every wait is over, and so is every lease that nobody has let go."""
        with self.runtime.db.write() as conn:
            past = self.runtime.clock.now() - HOUR
            conn.execute(update(waiting).values(due_at=past, lease_until=None))

    def days_later(self, days: int = 30) -> None:
        """So much time goes by, and a worker sweeps: stays and schedules come due."""
        back = timedelta(days=days)
        with self.runtime.db.write() as conn:
            for table, column in ((stays, "due_at"), (schedules, "next_at")):
                for row in conn.execute(select(table).where(table.c[column].is_not(None))).all():
                    key = [c == row._mapping[c.name] for c in table.primary_key.columns]
                    then = {column: row._mapping[column] - back}
                    conn.execute(update(table).where(*key).values(**then))
        self.engine.sweep()
        self.settle()

    def api(self, method: str, path: str, **request: Any) -> Any:
        """A call of the CRM's API with the first key."""
        auth = (self.made.key, self.made.secret)
        answer = httpx.request(
            method,
            f"{self.base_url}/v2{path}",
            auth=auth,
            trust_env=False,
            verify=PLAIN,
            **request,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def its_list(self, title: str) -> Any:
        return next(one for one in self.api("GET", "/lists")["objects"] if one["title"] == title)

    def deals(self) -> Any:
        return self.api("GET", f"/lists/{self.its_list('Deals')['id']}/listitems")["objects"]

    def item(self, list_title: str, name: str) -> Any:
        """An item with its values by field name, options as people read them."""
        its = self.its_list(list_title)
        rows = self.api("GET", f"/lists/{its['id']}/listitems")["objects"]
        row = next(one for one in rows if one["name"] == name)
        shown = {}
        for field in its["fields"]:
            raw = [one["raw"] for one in row["fieldValues"].get(field["id"], [])]
            labels = {one["id"]: one["display"] for one in field["listOptions"]}
            shown[field["name"]] = [labels.get(value, value) for value in raw]
        return {**row, "shown": {k: v[0] if len(v) == 1 else v for k, v in shown.items() if v}}

    def set(self, list_title: str, name: str, field: str, value: str) -> None:
        """What a person does in the grid."""
        its = self.its_list(list_title)
        row = self.item(list_title, name)
        field_id = next(one["id"] for one in its["fields"] if one["name"] == field)
        self.api(
            "PUT",
            f"/lists/{its['id']}/listitems/{row['id']}",
            json={"fieldValues": {field_id: [{"raw": value}]}},
        )

    def another(self, list_title: str, like: str, name: str, account: str | None = "") -> None:
        """A deal of the same customer with the same values; `account` None: of no account."""
        its, row = self.its_list(list_title), self.item(list_title, like)
        own = {field["id"] for field in its["fields"] if field.get("isEditable", True)}
        values = {id: raw for id, raw in row["fieldValues"].items() if id in own}
        self.api(
            "POST",
            f"/lists/{its['id']}/listitems",
            json={
                "name": name,
                "accountId": row["accountId"] if account == "" else account,
                "contactIds": row["contactIds"],
                "fieldValues": values,
            },
        )

    def rows(self, table: Any, **equals: Any) -> list[Any]:
        """Stored rows, oldest first."""
        query = select(table)
        for column, value in equals.items():
            query = query.where(table.c[column] == value)
        with self.runtime.db.read() as conn:
            return list(conn.execute(query.order_by(*table.primary_key.columns)))

    def runs(self, rule: str) -> list[Any]:
        return self.rows(runs, rule_id=rule)

    def steps(self, run: int) -> list[Any]:
        return self.rows(steps, run_id=run)

    def attempts(self, run: int) -> list[Any]:
        return self.rows(attempts, run_id=run)

    def bookings(self) -> list[Any]:
        return self.rows(bookings)

    def events(self, **equals: Any) -> list[Any]:
        return self.rows(events, **equals)

    def outcome(self, event: int) -> Any:
        return self.rows(event_outcomes, event_id=event)[0]

    def books(self, provider: str) -> Any:
        return sandbox.books(self.runtime, self.made.org, provider)

    def pay(self, provider: str, document: str) -> None:
        """The customer pays what was booked."""
        sandbox.pay(self.runtime, self.made.org, provider, document)

    def pay_elsewhere(self, email: str, amount: str) -> None:
        """An invoice that Relay has not made is paid in Recurly."""
        document = {
            "id": "in900", "uuid": "9" * 32, "object": "invoice", "type": "charge",
            "state": "paid", "number": "900", "currency": "USD", "total": amount, "paid": amount,
            "account": {"code": "elsewhere", "email": email}, "closed_at": "2026-11-24T09:00:00Z",
            "created_at": "2026-11-24T08:00:00Z",
        }  # fmt: skip
        notice = {
            "id": "in900", "object_type": "charge_invoice", "event_type": "paid",
            "event_time": "2026-11-24T09:00:00Z", "uuid": "9" * 32, "site_id": "s",
            "account_code": "elsewhere",
        }  # fmt: skip
        with self.runtime.db.write() as conn:
            StoredBooks(conn, self.made.org, "recurly").put("invoices", "in900", document)
            row = sources.source_named(conn, self.runtime.vault, self.made.org, "recurly")
        body = json.dumps(notice).encode()
        now = self.runtime.clock.now()
        source = self.runtime.integrations["recurly"].source
        assert source is not None
        assert source.sign is not None
        headers = source.sign(body, row.config(now), now)
        answer = self.post("recurly", content=body, headers=dict(headers))
        assert answer.status_code == 200, answer.text

    def apply(self, texts: dict[str, str]) -> None:
        """Other rules in place of the shipped files of these names."""
        rules.apply(self.runtime, self.made.org, {**rules.texts_in(RULES), **texts}, by="test")

    def fault(self, provider: str, **planned: Any) -> None:
        """Asks a sandbox to fail its next request."""
        with self.runtime.db.write() as conn:
            books = StoredBooks(conn, self.made.org, provider)
            books.put("faults", "planned", {"id": "planned", **planned})


def first_steps(database_url: str) -> first.First:
    """Makes the first organization with the shipped rules."""
    runtime = runtime_of(database_url)
    made = seed(runtime)
    runtime.db.close()
    return made


@contextmanager
def open_house(
    database_url: str,
    home: Path,
    redis_url: str | None = None,
    *,
    made: first.First | None = None,
    integrations: Mapping[str, Integration] = INTEGRATIONS,
) -> Iterator[House]:
    """A house on this store, with the first organization and the shipped rules: `made`, or made
    now. With a broker, what is to be done is told to real workers too."""
    # The address is known once the server listens, and the settings hold the address.
    with served(lambda environ, start: house.app(environ, start)) as base_url:
        runtime = _runtime(_settings(database_url, home, base_url, redis_url), integrations)
        engine = Engine(runtime)
        try:
            house = House(runtime, made or seed(runtime), engine, base_url)
            yield house
        finally:
            engine.close()
            runtime.queue.close()
            runtime.db.close()


@contextmanager
def house_on(store: Store, folder: Path) -> Iterator[House]:
    """A house on a copy of a store that has the first organization."""
    with (
        store.copy(folder, first_steps) as (url, made),
        open_house(url, folder / "home", made=made) as opened,
    ):
        yield opened


def _settings(
    database_url: str, home: Path, base_url: str, redis_url: str | None = None
) -> Settings:
    return Settings.from_env(
        {
            "RELAY_HOME": str(home),
            "RELAY_DATABASE_URL": database_url,
            "RELAY_SECRET_KEYS": KEY,
            "RELAY_BASE_URL": base_url,
            "RELAY_EGRESS_ALLOW": "127.0.0.0/8",
            "RELAY_EGRESS_HTTP": "yes",
            **({} if redis_url is None else {"RELAY_REDIS_URL": redis_url}),
        }
    )


def _runtime(settings: Settings, integrations: Mapping[str, Integration]) -> Runtime:
    queue = None if settings.redis_url else Silent()
    return bootstrap.build(settings, role="test", queue=queue, integrations=integrations)


def runtime_of(
    database_url: str, integrations: Mapping[str, Integration] = INTEGRATIONS
) -> Runtime:
    """One that only fills a store. Its home is never written to: the keys are given."""
    return _runtime(_settings(database_url, Path("/nowhere"), "http://127.0.0.1"), integrations)


def seed(runtime: Runtime) -> first.First:
    with runtime.db.write() as conn:
        made = first.seed(runtime, conn, runtime.clock.now())
    rules.apply(runtime, made.org, rules.texts_in(RULES), by=first.EMAIL)
    return made
