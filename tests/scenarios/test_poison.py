"""Work that kills whoever does it: three workers die, and then it is a dead letter. What only
happened to be beside it is done."""

import html
import os
import re
import signal
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete

from relay import births, first
from relay.core.ids import public
from relay.integration import Output
from relay.pipeline import arrange, burial, events_again, redeliver, replay, subscribe
from relay.pipeline.burial import HANDLING, LOOKING, RUNNING, SENDING
from relay.pipeline.replay import Wanted
from relay.storage import connections, deaths, troubles, watch, work
from relay.storage.reads import overview
from relay.storage.tables.crm import contact_emails
from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.events import event_outcomes
from relay.storage.tables.notices import mails
from relay.storage.tables.setup import connections as connection_table
from relay.storage.tables.work import dead, holders
from relay.storage.tables.work import work as waiting
from relay.storage.work import Kind, NewWork
from tests.hooks.receiver import Request, receiving
from tests.scenarios.dying import Dying, dying
from tests.scenarios.house import House, open_house
from tests.scenarios.killed import Site
from tests.stores import Store, flush, until

pytestmark = pytest.mark.skipif(not births.machine(), reason="Linux alone tells who is dead")

ME = "owner@relay.example"
DEAL = "Northwind onboarding"
NOBODY = "http://127.0.0.1:9/in"
people = count(1)


@pytest.fixture
def mortal(one_house: House) -> Dying:
    return dying(one_house)


def came(house: House, email: str | None = None) -> int:
    """A form that waits to be read."""
    house.post("website", data={"email": email or f"kim{next(people)}@poison.example"})
    return max(row.id for row in house.rows(waiting, kind=int(Kind.EVENT)))


def outcome(house: House, event: int) -> tuple[str, str | None]:
    (row,) = house.rows(event_outcomes, event_id=event)
    return row.state, row.reason


def letters(house: House, kind: Kind, id: int) -> list[tuple[str, str]]:
    return [(row.place, row.reason) for row in house.rows(dead, kind=int(kind), id=id)]


# --- what each kind of work ends as, and how a person has it done again ---------------------------


def a_thin_event(house: House) -> int:
    event = came(house)
    with house.runtime.db.write() as conn:
        new = [NewWork(id=event, org=house.made.org)]
        work.add(house.runtime.db, conn, Kind.COMPLETION, new)
    # It is still to be completed, and to be read after that.
    with house.runtime.db.write() as conn:
        conn.execute(delete(waiting).where(waiting.c.kind == int(Kind.EVENT)))
    return event


@pytest.mark.parametrize(
    ("kind", "make", "place"),
    [(Kind.EVENT, came, "parse"), (Kind.COMPLETION, a_thin_event, "complete")],
)
def test_an_event_is_a_dead_letter_until_a_person_has_it_read_again(
    mortal: Dying, kind: Kind, make: Callable[[House], int], place: str
) -> None:
    house = mortal.house
    event = make(house)
    mortal.three_die_with(kind, event)
    assert outcome(house, event) == ("unreadable", HANDLING)
    assert letters(house, kind, event) == [(place, HANDLING)]
    assert house.rows(waiting, kind=int(kind), id=event) == []
    events_again.replay(house.runtime, house.made.org, event, by=ME)
    (row,) = house.rows(waiting, kind=int(Kind.EVENT), id=event)
    assert row.deaths == 0
    house.settle()
    assert outcome(house, event)[0] == "routed"
    assert letters(house, kind, event) == []


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_run_fails_where_it_stood_and_what_it_may_have_booked_is_never_booked_twice(
    house: House, was_sent: bool
) -> None:
    mortal = dying(house)
    house.set("Deals", DEAL, "Status", "Deal Won")
    (event,) = [row.id for row in house.rows(waiting, kind=int(Kind.EVENT))]
    (call,) = [one for one in mortal.routes(event) if one.rule.id == "deal-won-receipt"]
    if was_sent:
        assert isinstance(mortal.sends(call), Output)
    for _ in range(3):
        mortal.dies_with(Kind.RUN, call.run)
    # While the provider may still be at it, nobody is invited to do it again.
    assert house.runs("deal-won-receipt")[0].state == "running"
    house.later()
    house.engine.release()
    (run,) = house.runs("deal-won-receipt")
    assert (run.state, run.reason) == ("failed", RUNNING)
    assert [(one.state, one.error) for one in house.steps(run.id)] == [("failed", RUNNING)]
    assert house.rows(waiting, kind=int(Kind.RUN), id=run.id) == []
    (booking,) = house.bookings()
    assert booking.state == "sent"
    assert replay.replay(house.runtime, house.made.org, run.id, Wanted(), by=ME) == run.id
    house.settle()
    assert house.runs("deal-won-receipt")[0].state == "succeeded"
    assert len(house.books("quickbooks")) == 1
    assert house.attempts(run.id)[0].outcome == ("found" if was_sent else "succeeded")


def hooked(house: House, **more: str) -> int:
    """A hook that hears of forms, where nobody listens."""
    new = subscribe.NewHook(
        url=f"{NOBODY}/{next(people)}", event="form.submitted", ordering="key", **more
    )
    return subscribe.subscribe(house.runtime, house.made.org, new, by=ME).hook.id


def told(mortal: Dying, hook: int, times: int) -> list[int]:
    """Messages about one person, which wait for their turn."""
    email = f"lou{next(people)}@poison.example"
    mortal.routes(*[came(mortal.house, email) for _ in range(times)])
    found = mortal.house.rows(deliveries, target_kind="hook", target_id=hook)
    return [row.id for row in found]


def due(house: House) -> list[int]:
    db = house.runtime.db
    suspects = [one.id for one in deaths.waiting(db) if one.kind is Kind.DELIVERY]
    return suspects + work.overdue(db, Kind.DELIVERY, grace=-1.0)


@pytest.mark.parametrize("blocks", [False, True])
def test_a_delivery_fails_by_our_fault_and_its_key_goes_on_as_the_hook_wants_it(
    mortal: Dying, blocks: bool
) -> None:
    house = mortal.house
    hook = hooked(house, on_exhausted="block" if blocks else "skip")
    first, second = told(mortal, hook, 2)
    mortal.three_die_with(Kind.DELIVERY, first)
    rows = {row.id: row for row in house.rows(deliveries, target_id=hook)}
    assert (rows[first].state, rows[first].reason) == ("failed", SENDING)
    assert (rows[first].attempts, rows[second].state) == (0, "pending")
    assert letters(house, Kind.DELIVERY, first) == [("deliver", SENDING)]
    assert (second in due(house)) is not blocks
    redeliver.resend(house.runtime, house.made.org, first, by=ME)
    assert letters(house, Kind.DELIVERY, first) == []
    assert first in due(house)
    subscribe.unsubscribe(house.runtime, house.made.org, public("hook", hook), by=ME)


def test_a_mail_fails(mortal: Dying) -> None:
    house, now = mortal.house, mortal.house.runtime.clock.now()
    with house.runtime.db.write() as conn:
        new = {"org_id": house.made.org, "recipient": "ann@northwind.example", "subject": "One",
               "body": "One", "state": "pending", "created_at": now}  # fmt: skip
        mail = troubles.add_mail(conn, new)
        work.add(house.runtime.db, conn, Kind.MAIL, [NewWork(id=mail, org=house.made.org)])
    mortal.three_die_with(Kind.MAIL, mail)
    (row,) = house.rows(mails, id=mail)
    assert (row.state, row.reason) == ("failed", SENDING)
    assert house.rows(waiting, kind=int(Kind.MAIL)) == []


def test_a_crm_that_cannot_be_looked_at_pauses_until_a_person_lets_it_go_on(
    mortal: Dying,
) -> None:
    house, org, db = mortal.house, mortal.house.made.org, mortal.house.runtime.db
    with db.write() as conn:
        crm = connections.create_connection(
            conn, house.runtime.vault, org, provider="salesforceiq", name="old-crm",
            base_url="http://127.0.0.1:9", credentials={}, settings={}, sandbox=False,
            at=house.runtime.clock.now(),
        )  # fmt: skip
        watch.begin(db, conn, org, crm)
    for _ in range(3):
        mortal.dies_with(Kind.WATCH, crm)
    (row,) = house.rows(connection_table, id=crm)
    assert (row.state, row.reason) == ("paused", LOOKING)
    assert crm not in work.overdue(db, Kind.WATCH, grace=-1.0)
    arrange.pause_connection(house.runtime, org, "old-crm", paused=False, by=ME)
    assert crm in work.overdue(db, Kind.WATCH, grace=-1.0)
    with db.write() as conn:
        conn.execute(delete(waiting).where(waiting.c.kind == int(Kind.WATCH)))


# --- what was only beside it ---------------------------------------------------------------------


def test_what_died_in_company_is_done_alone_and_nothing_of_it_is_put_aside(mortal: Dying) -> None:
    house = mortal.house
    email = f"max{next(people)}@poison.example"
    events = [came(house, email if n % 2 else None) for n in range(8)]
    for _ in range(2):
        mortal.dies_with(Kind.EVENT, *events)
    assert work.overdue(house.runtime.db, Kind.EVENT, grace=-1.0) == []
    house.engine.alone()
    assert {outcome(house, event)[0] for event in events} == {"routed"}
    house.settle()


@pytest.mark.processes
def test_an_event_that_kills_its_worker_each_time_is_put_aside_and_its_neighbours_are_done(
    store: Store, tmp_path: Path, valkey_server: Path
) -> None:
    home = tmp_path / "home"
    with (
        store.database(tmp_path, tables=True) as url,
        open_house(url, home, f"unix://{valkey_server}") as house,
    ):
        site = Site(house, home, valkey_server)
        flush(valkey_server)
        emails = [f"kim{n}@northwind.example" for n in range(30)]
        for email in [*emails[:15], "poison@northwind.example", *emails[15:]]:
            house.post("website", data={"email": email, "name": "Kim Doe"})
        with site.next_worker("tests.scenarios.poisoned") as worker:
            until(lambda: _all_over(house, 31), "everything to be over", seconds=60, every=0.5)
            (put_aside,) = house.rows(event_outcomes, state="unreadable")
            assert put_aside.reason == HANDLING
            assert house.rows(dead, kind=int(Kind.EVENT))[0].id == put_aside.event_id
            found = house.rows(contact_emails)
            assert set(emails) <= {row.email_lower for row in found}
            # Told to end, it says so for its children, who may be in no state to do so themselves.
            until(lambda: len(_children(house, worker.pid)) == 2, "both to be there")
            for pid in _children(house, worker.pid):
                os.kill(pid, signal.SIGSTOP)
            worker.terminate()
            until(lambda: len(house.rows(holders, leaving=True)) == 2, "both to leave")


def _children(house: House, parent: int) -> list[int]:
    its = house.rows(holders, parent=parent)
    return [row.pid for row in its if not births.is_dead(row.pid, row.born)]


def _all_over(house: House, events: int) -> bool:
    house.engine.sweep()  # as beat has it done
    return len(house.rows(event_outcomes)) >= events and not house.rows(
        waiting, kind=int(Kind.EVENT)
    )


def test_deaths_are_counted_in_a_row(mortal: Dying) -> None:
    house = mortal.house
    (one,) = told(mortal, hook := hooked(house), 1)
    for _ in range(2):
        mortal.dies_with(Kind.DELIVERY, one)
    house.engine.alone()  # nobody answers there, and it is tried again later
    assert house.engine.drain(30)
    mortal.dies_with(Kind.DELIVERY, one)
    (row,) = house.rows(waiting, kind=int(Kind.DELIVERY), id=one)
    assert row.deaths == 1
    subscribe.unsubscribe(house.runtime, house.made.org, public("hook", hook), by=ME)


def test_what_two_died_with_waits_until_its_worker_has_nothing_else_in_hand(
    mortal: Dying,
) -> None:
    house, may_answer = mortal.house, threading.Event()

    def slowly(_: Request) -> None:
        may_answer.wait(20)

    with receiving() as receiver:
        receiver.answers = slowly
        new = subscribe.NewHook(url=receiver.url, event="form.submitted")
        hook = subscribe.subscribe(house.runtime, house.made.org, new, by=ME).hook.id
        house.engine.route([came(house)])
        suspect, neighbour = came(house), came(house)
        for _ in range(2):
            mortal.dies_with(Kind.EVENT, suspect)
        mortal.dies_with(Kind.EVENT, neighbour)
        taking = threading.Thread(target=house.engine.alone)
        taking.start()
        taking.join(0.3)
        assert house.rows(event_outcomes, event_id=suspect) == []
        assert outcome(house, neighbour)[0] == "routed"
        may_answer.set()
        taking.join(20)
        assert outcome(house, suspect)[0] == "routed"
        house.settle()
        subscribe.unsubscribe(house.runtime, house.made.org, public("hook", hook), by=ME)


# --- how it shows --------------------------------------------------------------------------------


def test_the_page_of_dead_letters_says_why_in_plain_words_and_leads_to_each(mortal: Dying) -> None:
    house = mortal.house
    hook = hooked(house)
    (one,) = told(mortal, hook, 1)
    event = came(house)
    mortal.three_die_with(Kind.DELIVERY, one)
    mortal.three_die_with(Kind.EVENT, event)
    assert burial.bury(house.runtime, mortal.token()) == 0
    with house.runtime.db.read() as conn:
        causes = {cause.reason for cause in overview.dead_letters(conn, house.made.org)}
    assert {HANDLING, SENDING} <= causes
    with httpx.Client(base_url=house.base_url, trust_env=False) as client:
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
        assert token is not None
        who = {"email": first.EMAIL, "password": house.made.password}
        client.post("/login", data={"csrf_token": token[1], **who})
        page = html.unescape(client.get("/dead").text)
    assert HANDLING in page
    assert f"/events/{public('evt', event)}" in page
    assert f"/hooks/{public('hook', hook)}?open={public('dlv', one)}" in page
