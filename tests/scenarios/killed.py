"""Real workers that are killed with -9 while every sale has reached its provider and none has been
written down; and what time, other workers and a person then do about them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import update

from relay.pipeline import connect, replay, sandbox
from relay.pipeline.engine import TASK_OF
from relay.pipeline.replay import Wanted
from relay.pipeline.sandbox import Fault
from relay.storage import connections, work
from relay.storage.runs import open_booking
from relay.storage.tables.runs import bookings, runs
from relay.storage.tables.work import work as waiting
from relay.supervisor.programs import worker_command
from tests.scenarios.house import KEY, House
from tests.stores import flush, until

ROOT = Path(__file__).parents[2]
LATE = 100  # seconds until the sandboxes answer: the worker does not live to hear it


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """How a provider's deals are won: on which list, like which deal, and where the sale goes."""

    in_list: str
    like: str
    path: str
    verb: str
    documents: tuple[str, str]  # the kind in its books, and the key that has our number


SALES: Mapping[str, Sale] = {
    "quickbooks": Sale(in_list="Deals", like="Northwind onboarding", path="/salesreceipt",
                       verb="sales_receipt", documents=("SalesReceipt", "DocNumber")),
    "recurly": Sale(in_list="Deals", like="Larkspur annual plan", path="/purchases",
                    verb="subscription", documents=("invoices", "po_number")),
    "zuora": Sale(in_list="Enterprise Deals", like="Granite rollout", path="/v1/orders",
                  verb="order", documents=("orders", "orderNumber")),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One deal that meets one fault; `number` is the one that its document must have."""

    provider: str
    fault: str
    list: str
    status: str
    item: str
    account: str
    number: str


@dataclass(slots=True)
class Site:
    """A house whose work is done by real workers."""

    house: House
    home: Path
    broker: Path
    cases: list[Case] = field(default_factory=list)

    # --- the deals and what is to go wrong with them ---------------------------------------------

    def deals(self, provider: str, faults: Sequence[str]) -> None:
        """A deal for each fault, each of a customer of its own."""
        sale, house = SALES[provider], self.house
        its, like = house.its_list(sale.in_list), house.item(sale.in_list, sale.like)
        status = next(one["id"] for one in its["fields"] if one["name"] == "Status")
        own = {one["id"] for one in its["fields"] if one.get("isEditable", True)}
        values = {id: raw for id, raw in like["fieldValues"].items() if id in own}
        for fault in faults:
            account = f"{provider} {fault}"
            id = house.api("POST", "/accounts", json={"name": account})["id"]
            row = {"name": account, "accountId": id, "contactIds": [], "fieldValues": values}
            made = house.api("POST", f"/lists/{its['id']}/listitems", json=row)
            number = self._number(provider, made["id"])
            self.cases.append(Case(provider=provider, fault=fault, list=its["id"], status=status,
                                   item=made["id"], account=account, number=number))  # fmt: skip

    def plan(self, case: Case, fault: str | None = None, *, late: bool = False) -> None:
        """The next request about the deal meets it."""
        name = fault or case.fault
        path, about = SALES[case.provider].path, case.number
        if case.provider == "quickbooks" and name == "duplicate_name":
            path, about = "/customer", case.account
        planned = Fault(name=name, path=path, about=about, seconds=LATE if late else None)
        sandbox.plan(self.house.runtime, self.house.made.org, case.provider, planned, by="test")

    def win(self, case: Case) -> None:
        self.house.api("PUT", f"/lists/{case.list}/listitems/{case.item}",
                       json={"fieldValues": {case.status: [{"raw": "Deal Won"}]}})  # fmt: skip

    def _number(self, provider: str, item: str) -> str:
        house = self.house
        with house.runtime.db.write() as conn:
            row = connections.connection_named(conn, house.made.org, provider)
            booking = open_booking(
                conn, house.made.org, connection=row.id, verb=SALES[provider].verb, item=item,
                label="sale", run=0, at=house.runtime.clock.now(),
            )  # fmt: skip
        return booking.number

    # --- workers ---------------------------------------------------------------------------------

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A Celery worker of two children that takes up what others left; killed at the end."""
        self.house.later()
        flush(self.broker)  # the dead have their turns for minutes yet
        self._go_on()
        with self.next_worker() as process:
            yield process

    @contextmanager
    def next_worker(self, app: str = "workers.app") -> Iterator[subprocess.Popen[bytes]]:
        """The same, and no time has gone by since the one before was killed; or one of another
        application."""
        settings = self.house.runtime.settings
        env = {
            **os.environ,
            "RELAY_HOME": str(self.home),
            "RELAY_DATABASE_URL": settings.database_url,
            "RELAY_SECRET_KEYS": KEY,
            "RELAY_BASE_URL": self.house.base_url,
            "RELAY_REDIS_URL": f"unix://{self.broker}",
            "RELAY_EGRESS_ALLOW": "127.0.0.0/8",
            "RELAY_EGRESS_HTTP": "yes",
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
        }
        process = subprocess.Popen(
            [app if word == "workers.app" else word for word in worker_command(concurrency=2)],
            env=env, start_new_session=True, cwd=ROOT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def send_all(self, cases: Sequence[Case]) -> None:
        """Every one of these sales has reached its provider, and no answer has come."""
        for case in cases:
            self.win(case)
        until(lambda: not self._not_met(), "the sandboxes to have met every sale", seconds=60,
              every=0.1)  # fmt: skip
        mine = {case.item for case in cases}
        assert {row.state for row in self._bookings() if row.item_id in mine} == {"sent"}

    def end_all(self, cases: Sequence[Case]) -> None:
        """The sales come to their ends, with what time does, and a person."""
        wanted = {case.item for case in cases}
        until(lambda: self._helped(wanted), "every sale to be booked", seconds=90, every=0.25)

    def _not_met(self) -> list[Fault]:
        org, runtime = self.house.made.org, self.house.runtime
        planned = [one for name in SALES for one in sandbox.planned(runtime, org, name)]
        return [one for one in planned if one.seconds]

    def _bookings(self) -> list[Any]:
        return self.house.rows(bookings)

    def _helped(self, wanted: set[str]) -> bool:
        house = self.house
        left = [row for row in self._bookings() if row.item_id in wanted and row.state != "booked"]
        held = house.rows(runs, state="held")
        for name in SALES if held else ():
            with house.runtime.db.read() as conn:
                state = connections.connection_named(conn, house.made.org, name).state
            if state == "needs_reconnect":
                connect.reconnect(house.runtime, house.made.org, name, {}, by="test")
        stopped = {row.id for row in house.rows(runs, state="failed")}
        for row in left:
            if row.run_id in stopped:
                replay.replay(house.runtime, house.made.org, row.run_id, Wanted(), by="test")
        self._go_on()
        return not left

    def _go_on(self) -> None:
        """Every wait is over: what nobody has in hand is due, and somebody is told."""
        with self.house.runtime.db.write() as conn:
            past = self.house.runtime.clock.now().replace(year=2020)
            free = waiting.c.lease_until.is_(None)
            conn.execute(update(waiting).where(free, waiting.c.due_at > past).values(due_at=past))
        for kind, task in TASK_OF.items():
            ids = work.overdue(self.house.runtime.db, kind, grace=0.0)
            self.house.runtime.queue.wake(task, ids)
        self.house.engine.release()  # and what the killed had in hand is told of apart
