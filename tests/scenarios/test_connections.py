"""Accounts at providers: added, let in, stopped, and connected again without loss."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import update

from relay import first
from relay.core.errors import Conflict, InvalidInput
from relay.pipeline import arrange, connect, sandbox
from relay.pipeline.connecting import StoredCredentials
from relay.queue import ROUTE
from relay.storage import connections, identity
from relay.storage import work as events_due
from relay.storage.reads.attention import badges
from relay.storage.tables.identity import audit_log, organizations
from relay.storage.tables.notices import mails
from relay.storage.tables.runs import bookings
from relay.storage.tables.setup import connections as table
from relay.storage.tables.work import work
from relay.storage.work import Kind
from tests.scenarios.house import House
from tests.stores import until

WON = "Deal Won"
WRONG = {"api_key": "not the key"}


def _row(house: House, name: str) -> connections.ConnectionRow:
    with house.runtime.db.read() as conn:
        return connections.connection_named(conn, house.made.org, name)


def _spoil(house: House, name: str, secrets: dict[str, str]) -> None:
    """As somebody does who resets the key at the provider."""
    with house.runtime.db.write() as conn:
        connections.store_credentials(conn, house.runtime.vault, _row(house, name).id, secrets)


def _real(house: House) -> int:
    with house.runtime.db.write() as conn:
        return identity.create_organization(
            conn, "Acme", is_test=False, at=house.runtime.clock.now()
        )


def _asked(provider: str, **more: object) -> connect.NewConnection:
    return connect.NewConnection(provider=provider, name=provider, **more)  # type: ignore[arg-type]


def test_a_stopped_connection_holds_what_waits_is_told_once_and_goes_on(house: House) -> None:
    _spoil(house, "recurly", WRONG)
    house.set("Deals", "Larkspur annual plan", "Status", WON)
    house.settle()
    house.set("Deals", "Larkspur annual plan", "Status", "Deal Lost")
    house.set("Deals", "Larkspur annual plan", "Status", WON)
    house.settle()
    assert {run.state for run in house.runs("deal-won-subscription")} == {"held"}
    told = [row for row in house.rows(audit_log) if row.action == "connection stopped"]
    assert [(row.actor, row.subject) for row in told] == [("relay", "recurly")]
    _sweep_twice(house)
    with pytest.raises(Conflict, match="wait for it"):
        connect.remove(house.runtime, house.made.org, "recurly", by="ann")
    _, freed = connect.reconnect(house.runtime, house.made.org, "recurly", {}, by="ann")
    assert freed == 2
    house.settle()
    assert sorted(run.state for run in house.runs("deal-won-subscription")) == [
        "skipped",
        "succeeded",
    ]
    _sweep_twice(house)
    assert [(row.recipient, row.subject) for row in house.rows(mails)] == [
        (first.EMAIL, "[First steps] The connection recurly has to be connected again"),
        (first.EMAIL, "[First steps] The connection recurly works again"),
    ]
    assert len(house.books("recurly")) == 1
    assert _row(house, "recurly").used_at is not None


def test_what_may_have_been_booked_through_a_connection_that_is_gone_is_for_a_person(
    small_house: House,
) -> None:
    """T3."""
    house = small_house
    house.set("Deals", "Northwind onboarding", "Status", WON)
    house.settle()
    connect.remove(house.runtime, house.made.org, "quickbooks", by="ann")
    with house.runtime.db.write() as conn:
        # As a worker leaves it that died with the answer while somebody removed the connection.
        conn.execute(update(bookings).values(state="sent", booked_at=None))
    connect.add(house.runtime, house.made.org, _asked("quickbooks"), by="ann")
    for status in ("Deal Lost", WON):
        house.set("Deals", "Northwind onboarding", "Status", status)
    house.settle()
    run, (booking,) = house.runs("deal-won-receipt")[-1], house.bookings()
    assert run.state == "failed"
    assert f"may have been booked as {booking.number} through a connection" in run.reason
    assert len(house.books("quickbooks")) == 1


def _sweep_twice(house: House) -> None:
    for _ in range(2):
        house.engine.sweep()
        house.settle()


def _route(house: House) -> None:
    """A worker takes up what has come, once."""
    ids = events_due.overdue(house.runtime.db, Kind.EVENT, grace=0.0)
    house.engine.run(ROUTE, ids)


def test_an_answer_to_the_old_key_stops_no_connection_that_has_a_new_one(
    small_house: House,
) -> None:
    runtime, org = small_house.runtime, small_house.made.org
    late = sandbox.Fault(name="unauthorized", seconds=2)
    sandbox.plan(runtime, org, "recurly", late, by="test")
    small_house.set("Deals", "Larkspur annual plan", "Status", WON)
    _route(small_house)
    until(lambda: sandbox.planned(runtime, org, "recurly") == [], "the call to be under way")
    connect.reconnect(runtime, org, "recurly", {}, by="ann")
    small_house.settle()
    assert _row(small_house, "recurly").state == "active"
    (run,) = small_house.runs("deal-won-subscription")
    assert [one.outcome for one in small_house.attempts(run.id)] == ["not authorized", "succeeded"]
    assert small_house.rows(audit_log, action="connection stopped") == []
    assert len(small_house.books("recurly")) == 1


def test_a_run_is_not_held_for_a_connection_that_works_by_then(house: House) -> None:
    """What the worker knows of the connection is older than its new secrets."""
    org, runtime = house.made.org, house.runtime
    arrange.pause_connection(runtime, org, "quickbooks", paused=True, by="ann")
    house.set("Deals", "Northwind onboarding", "Status", WON)
    with runtime.db.write() as conn:
        known = runtime.setups.of(conn, org).organization.config_version
        connections.set_connection_state(conn, org, _row(house, "quickbooks").id, "active", None)
        conn.execute(update(organizations).values(config_version=known))
    _route(house)
    assert house.runs("deal-won-receipt")[0].state == "waiting"
    with runtime.db.write() as conn:
        identity.touch_config(conn, org)
    house.settle()
    assert len(house.books("quickbooks")) == 1


@pytest.mark.parametrize("realm", ["9130350000000001", "77"])
def test_a_deal_is_not_booked_again_through_a_new_connection_to_the_same_books(
    house: House, realm: str
) -> None:
    """T3: the company is the same by its id; another company's books are others."""
    runtime, org = house.runtime, house.made.org
    house.set("Deals", "Northwind onboarding", "Status", WON)
    house.settle()
    (document,) = house.books("quickbooks")
    connect.remove(runtime, org, "quickbooks", by="ann")
    anew = connect.NewConnection(
        provider="quickbooks", name="books", settings={"realm": realm, "number_prefix": "NW-"}
    )
    connect.add(runtime, org, anew, by="ann")
    house.set("Deals", "Northwind onboarding", "Status", "Deal Lost")
    house.set("Deals", "Northwind onboarding", "Status", WON)
    house.settle()
    run = house.runs("deal-won-receipt")[-1]
    if realm == "77":
        assert run.state == "held"
        assert len(house.bookings()) == 2
        return
    assert (run.state, run.reason) == ("skipped", f"already booked as {document.number}")
    assert len(house.books("quickbooks")) == len(house.bookings()) == 1


def test_what_a_sender_only_named_waits_for_its_connection_too(house: House) -> None:
    house.set("Deals", "Larkspur annual plan", "Status", WON)
    house.settle()
    _spoil(house, "recurly", WRONG)
    house.pay("recurly", house.books("recurly")[0].id)
    house.settle()
    assert _row(house, "recurly").state == "needs_reconnect"
    assert house.item("Deals", "Larkspur annual plan")["shown"]["Status"] == WON
    assert len(house.rows(work)) == 1
    connect.reconnect(house.runtime, house.made.org, "recurly", {}, by="ann")
    house.settle()
    assert house.item("Deals", "Larkspur annual plan")["shown"]["Status"] == "Paid"
    assert house.rows(work) == []


def test_calls_that_all_need_a_new_token_wait_for_one_another_without_threads(
    house: House,
) -> None:
    """More of them than a process has threads for calls that block."""
    credentials = StoredCredentials.of(house.runtime, _row(house, "quickbooks"))
    renewed = 0

    async def renew(stored: Mapping[str, str]) -> Mapping[str, str]:
        nonlocal renewed
        if "access_token" in stored:
            return stored
        renewed += 1
        await asyncio.sleep(0.01)
        return {**stored, "access_token": "fresh"}

    async def all_at_once() -> list[Mapping[str, str]]:
        many = [credentials.replace(renew) for _ in range(40)]
        return await asyncio.wait_for(asyncio.gather(*many), 25)

    found = asyncio.run(all_at_once())
    assert {one["access_token"] for one in found} == {"fresh"}
    assert renewed == 1


def test_a_paused_connection_is_not_called(small_house: House) -> None:
    arrange.pause_connection(
        small_house.runtime, small_house.made.org, "quickbooks", paused=True, by="ann"
    )
    small_house.set("Deals", "Northwind onboarding", "Status", WON)
    small_house.settle()
    (run,) = small_house.runs("deal-won-receipt")
    assert (run.state, run.reason) == ("held", "connection quickbooks is paused")
    assert small_house.attempts(run.id) == []
    arrange.pause_connection(
        small_house.runtime, small_house.made.org, "quickbooks", paused=False, by="ann"
    )
    small_house.settle()
    assert len(small_house.books("quickbooks")) == 1


def test_a_test_organization_gets_sandboxes_and_a_real_one_real_hosts(small_house: House) -> None:
    runtime, org = small_house.runtime, small_house.made.org
    second = connect.NewConnection(provider="zuora", name="zuora two")
    assert connect.add(runtime, org, second, by="ann").sandbox_path is not None
    with pytest.raises(InvalidInput, match="reaches no real account"):
        connect.add(runtime, org, _asked("zuora", host="eu"), by="ann")
    real = _real(small_house)
    key = {"api_key": "k"}
    row = connect.add(runtime, real, _asked("recurly", host="eu", secrets=key), by="ann")
    assert (row.base_url, row.sandbox_path) == ("https://v3.eu.recurly.com", None)
    for host in ("https://evil.example", small_house.base_url):
        with pytest.raises(InvalidInput, match="there is no host"):
            connect.add(runtime, real, _asked("recurly", host=host, secrets=key), by="ann")


def test_what_cannot_work_is_refused_with_its_name(small_house: House) -> None:
    key, real = {"api_key": "k"}, _real(small_house)
    cases: tuple[tuple[dict[str, object], str], ...] = (
        ({"secrets": {}}, "api_key is missing"),
        ({"secrets": key | {"key": "k"}}, "there is no secret 'key'"),
        ({"secrets": key, "settings": {"net_term": "9"}}, "no setting 'net_term'"),
        ({"secrets": key, "settings": {"net_terms": "soon"}}, "net_terms is a number"),
        ({"secrets": key, "settings": {"number_prefix": "ACME-GMBH"}}, "up to 5"),
    )
    for more, said in cases:
        with pytest.raises(InvalidInput, match=said):
            connect.add(small_house.runtime, real, _asked("recurly", **more), by="ann")


def test_secrets_are_kept_sealed_and_forgotten_when_it_is_removed(house: House) -> None:
    runtime, real = house.runtime, _real(house)
    secrets = {"client_id": "id-7", "client_secret": "hush-hush"}
    row = connect.add(runtime, real, _asked("quickbooks", secrets=secrets), by="ann")
    assert (row.state, row.reason) == ("needs_reconnect", connect.NOT_YET)
    (kept,) = house.rows(table, id=row.id)
    assert "hush" not in str(kept)
    connect.remove(runtime, real, "quickbooks", by="ann")
    (kept,) = house.rows(table, id=row.id)
    assert kept.sealed == ""
    with runtime.db.read() as conn:
        assert connections.all_connections(conn, real) == []
        assert badges(conn, real).connections == 0


def test_our_numbers_begin_as_the_connection_says(small_house: House) -> None:
    org = small_house.made.org
    connect.change(
        small_house.runtime, org, "quickbooks", settings={"number_prefix": "NW-"}, by="ann"
    )
    small_house.set("Deals", "Northwind onboarding", "Status", WON)
    small_house.settle()
    (document,) = small_house.books("quickbooks")
    assert re.fullmatch(r"NW-[A-Z2-7]{16}", document.number)


# --- OAuth 2 in a browser ------------------------------------------------------------------------


@contextmanager
def _browser(house: House) -> Iterator[httpx.Client]:
    html = {"accept": "text/html"}
    with httpx.Client(base_url=house.base_url, trust_env=False, headers=html) as client:
        _post(client, "/login", email=first.EMAIL, password=house.made.password)
        yield client


def _post(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    page = client.get("/login" if path == "/login" else "/connections").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return client.post(path, data={**form, "csrf_token": found[1]})


def _link(text: str, start: str) -> str:
    found = re.search(rf'href="({re.escape(start)}[^"]*)"', text)
    assert found is not None, text
    return found[1].replace("&amp;", "&")


def _way(house: House, client: httpx.Client) -> tuple[str, httpx.Response]:
    """Through the stand-in's own page, to the address that it sends the person back to."""
    id = _row(house, "quickbooks").id
    page = _post(client, f"/connections/{id}/consent").text
    address = _link(page, house.base_url)
    shown = client.get(address).text
    sent = client.get(f"{address.partition('?')[0]}{_link(shown, '?')}")
    assert sent.status_code == 302
    return address, sent


def test_quickbooks_is_let_in_on_its_own_page_and_held_runs_go_on(house: House) -> None:
    _spoil(house, "quickbooks", {"client_id": "sandbox-client",
                                 "client_secret": "sandbox-client-secret",
                                 "refresh_token": "long dead"})  # fmt: skip
    house.set("Deals", "Northwind onboarding", "Status", WON)
    house.settle()
    assert house.runs("deal-won-receipt")[0].state == "held"
    with _browser(house) as client:
        address, sent = _way(house, client)
        query = parse_qs(urlsplit(address).query)
        assert query["scope"] == ["com.intuit.quickbooks.accounting"]
        assert query["code_challenge_method"] == ["S256"]
        back = client.get(sent.headers["location"])
        assert back.status_code == 302, back.text
        assert "1 waiting run goes on" in client.get(back.headers["location"]).text
        house.settle()
        assert len(house.books("quickbooks")) == 1
        again = client.get(sent.headers["location"])
        assert "does not belong to a connection that you began" in again.text


def test_a_way_back_that_somebody_else_began_connects_nothing(small_house: House) -> None:
    with _browser(small_house) as mine, _browser(small_house) as theirs:
        _, sent = _way(small_house, theirs)
        _way(small_house, mine)
        before = small_house.rows(table)
        text = mine.get(sent.headers["location"]).text
        assert "Nothing was connected" in text
        assert small_house.rows(table) == before


def test_who_changes_their_mind_connects_nothing(small_house: House) -> None:
    with _browser(small_house) as client:
        address, _ = _way(small_house, client)
        state = parse_qs(urlsplit(address).query)["state"][0]
        text = client.get(f"/connections/callback?error=access_denied&state={state}").text
        assert "did not let Relay in: access_denied" in text
        assert _row(small_house, "quickbooks").state == "active"


def test_another_company_does_not_take_a_connections_place(small_house: House) -> None:
    connect.change(
        small_house.runtime, small_house.made.org, "quickbooks", settings={"realm": "77"}, by="a"
    )
    with _browser(small_house) as client:
        _, sent = _way(small_house, client)
        text = client.get(sent.headers["location"]).text
        assert "is connected to the account 77" in text
        assert _row(small_house, "quickbooks").settings["realm"] == "77"
