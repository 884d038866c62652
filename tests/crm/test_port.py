"""The CRM port: one suite, both adapters. The remote one speaks over a socket, once to our own API
and once to a stand-in that shares no code with us."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from relay.core.errors import Filtered, InvalidInput, NotFound, RelayError
from relay.core.targets import TargetPolicy, networks
from relay.crm.port import Done, Operation, Result
from relay.crm.remote import Client, Definitions, RemoteCRM
from relay.http import Client as HttpClient
from relay.http import Http
from relay.storage.database import Database
from tests.crm.api import KEY, SECRET, api_of
from tests.crm.backs import Back, Ours, Theirs
from tests.crm.office import ORG, RULE, Clock, Office, first_office, open_office
from tests.serving import served
from tests.standin import crm as their
from tests.standin.server import stand_in

LOOPBACK = TargetPolicy(allow=networks(["127.0.0.0/8"]), allow_http=True)
Perform = Callable[[Sequence[Operation]], list[Result]]


@dataclass(slots=True)
class Port:
    """One adapter in a test's hands; `back` is what stands behind it."""

    back: Back
    perform: Perform

    def do(self, verb: str, **params: object) -> Done:
        (result,) = self.perform([operation(verb, **params)])
        if not isinstance(result, Done):
            raise result
        return result

    def refused(self, verb: str, **params: object) -> RelayError:
        (result,) = self.perform([operation(verb, **params)])
        assert isinstance(result, RelayError)
        return result

    def field(self, item: str, slug: str) -> object:
        """What the CRM behind the adapter keeps for an item."""
        return self.back.value(item, slug)


def operation(verb: str, *, item: str | None = None, **params: object) -> Operation:
    return Operation(org=ORG, verb=verb, params=params, author=RULE, key="", item=item)


@contextmanager
def embedded(office: Office) -> Iterator[Port]:
    yield Port(Ours(office), lambda ops: asyncio.run(office.crm.perform(ops)))


@contextmanager
def our_api(office: Office) -> Iterator[Port]:
    with served(api_of(office).client.application) as url:
        yield Port(Ours(office), over(f"{url}/v2", KEY, SECRET))


ADAPTERS = {"embedded": embedded, "our_api": our_api}
PLACES = [f"{name}-{store}" for name in ADAPTERS for store in ("sqlite", "postgresql")]


# The stand-in has no database, so it is tried once.
@pytest.fixture(params=[*PLACES, "stand_in"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Port]:
    if request.param == "stand_in":
        with stand_in() as (crm, url):
            yield Port(Theirs(crm), over(url, their.KEY, their.SECRET))
        return
    name, _, store = request.param.partition("-")
    with request.getfixturevalue(store).copy(tmp_path, first_office) as (url, _):
        db = Database(url)
        with ADAPTERS[name](open_office(db, Clock())) as opened:
            yield opened
        db.close()


def over(url: str, key: str, secret: str) -> Perform:
    """The remote adapter at this address."""
    definitions = Definitions()

    async def perform(operations: Sequence[Operation]) -> list[Result]:
        outside = HttpClient()
        try:
            http = Http(outside, policy=LOOPBACK)
            client = Client(http=http, base_url=url, key=key, secret=secret)
            return await RemoteCRM(client=client, definitions=definitions).perform(operations)
        finally:
            await outside.aclose()

    return lambda ops: asyncio.run(perform(ops))


def test_an_item_is_found_by_its_persons_address(port: Port) -> None:
    found = port.do("find_item", list="Deals", email="ADA@northwind.example")
    assert found.output["id"] == port.back.item("Deals", "Northwind onboarding")


def test_nobody_found_ends_the_run_on_purpose(port: Port) -> None:
    error = port.refused("find_item", list="Deals", email="nobody@nowhere.example")
    assert isinstance(error, Filtered)
    assert str(error) == "nobody found"


def test_nobody_is_an_answer_where_it_is_not_required(port: Port) -> None:
    found = port.do("find_item", list="Deals", email="nobody@nowhere.example", required=False)
    assert found.output == {"id": None, "found": False}


def test_several_candidates_are_named_and_none_is_guessed(port: Port) -> None:
    port.do("create_item", list="Deals", contact="ada@northwind.example", name="Second deal")
    error = port.refused("find_item", list="Deals", email="ada@northwind.example")
    assert isinstance(error, InvalidInput)
    assert "Northwind onboarding" in str(error)
    assert "Second deal" in str(error)


def test_a_closed_item_is_no_candidate(port: Port) -> None:
    item = port.back.item("Deals", "Northwind onboarding")
    port.do("update_item", item=item, fields={"status": "Paid"})
    assert isinstance(
        port.refused("find_item", list="Deals", email="ada@northwind.example"), Filtered
    )
    found = port.do("find_item", list="Deals", email="ada@northwind.example", open_only=False)
    assert found.output["id"] == item


def test_fields_of_every_type_are_set_by_name(port: Port) -> None:
    item = port.back.item("Deals", "Northwind onboarding")
    fields = {"status": "deal won", "paid_amount": Decimal("12.50"), "paid_date": "2026-5-1"}
    done = port.do("update_item", item=item, fields={**fields, "receipt_no": "CRM-1"})
    assert done.changes["status"] == ("Negotiation", "Deal Won")
    assert port.field(item, "status") == "Deal Won"
    assert port.field(item, "paid_amount") == Decimal("12.50")
    assert port.field(item, "paid_date") == date(2026, 5, 1)
    assert port.field(item, "receipt_no") == "CRM-1"


def test_what_is_so_already_is_not_sent_again(port: Port) -> None:
    item = port.back.item("Deals", "Northwind onboarding")
    before = port.field(item, "modified")
    done = port.do("update_item", item=item, fields={"status": "Negotiation", "amount": "1250"})
    assert done.changes == {}
    assert port.field(item, "modified") == before


def test_a_field_is_cleared_by_an_explicit_empty_value(port: Port) -> None:
    item = port.back.item("Deals", "Northwind onboarding")
    port.do("update_item", item=item, fields={"amount": None})
    assert port.field(item, "amount") is None


def test_an_owner_is_set_by_address(port: Port) -> None:
    made = port.do(
        "create_item",
        list="Leads",
        contact="ada@northwind.example",
        fields={"owner": "BEA@example.com"},
    )
    owner = port.field(str(made.output["id"]), "owner")
    assert isinstance(owner, dict)
    assert owner["name"] == "Bea Ortiz"


def test_a_value_of_the_wrong_type_is_refused_in_the_crms_words(port: Port) -> None:
    item = port.back.item("Deals", "Northwind onboarding")
    error = port.refused("update_item", item=item, fields={"paid_amount": "n/a"})
    assert str(error) == "Attempting to set Numeric field value with String n/a"


def test_a_field_that_is_not_there_is_refused_with_a_suggestion(port: Port) -> None:
    item = port.back.item("Deals", "Northwind onboarding")
    error = port.refused("update_item", item=item, fields={"amuont": 1})
    assert str(error) == "Deals has no field 'amuont': did you mean 'amount'?"


def test_an_unknown_item_is_not_found(port: Port) -> None:
    assert isinstance(port.refused("update_item", item="0" * 24, fields={}), NotFound)


def test_one_bad_operation_spoils_none_of_the_others(port: Port) -> None:
    deal = port.back.item("Deals", "Northwind onboarding")
    other = port.back.item("Deals", "Larkspur annual plan")
    update = operation
    good, bad, also_good = port.perform(
        [
            update("update_item", item=deal, fields={"seats": 3}),
            update("update_item", item=deal, fields={"seats": "many"}),
            update("update_item", item=other, fields={"seats": 4}),
        ]
    )
    assert isinstance(good, Done)
    assert isinstance(bad, InvalidInput)
    assert isinstance(also_good, Done)
    assert port.field(deal, "seats") == 3
    assert port.field(other, "seats") == 4


def test_an_item_that_matches_its_contact_is_made_once(port: Port) -> None:
    given = {"list": "Leads", "contact": "ada@northwind.example", "match": "contact"}
    first = port.do("create_item", **given, fields={"status": "New"})
    again = port.do("create_item", **given, fields={"status": "Contacted"})
    assert (first.output["created"], again.output["created"]) == (True, False)
    assert again.output["id"] == first.output["id"]
    assert again.changes["status"] == ("New", "Contacted")


def test_which_of_several_items_is_meant_is_said_and_never_guessed(port: Port) -> None:
    ada = "ada@northwind.example"
    made = []
    for name in ("first", "second"):
        item = port.do("create_item", list="Deals", contact=ada, name=name)
        made.append(str(item.output["id"]))
        port.back.a_minute_later()
    given = {"list": "Deals", "contact": ada, "match": "contact", "fields": {"seats": 40}}
    # The first organization has a deal of hers already: it is the oldest.
    refused = port.refused("create_item", **given)
    assert "3 items of Deals belong to" in str(refused)
    assert all(id in str(refused) for id in made)
    newest = port.do("create_item", **given, several="newest")
    assert newest.output["id"] == made[1]
    assert newest.output["note"] == "3 items of Deals match: the newest was taken"
    assert port.field(made[0], "seats") is None
    port.do("create_item", **given, several="all")
    assert port.field(made[0], "seats") == Decimal(40)
    found = port.do("find_item", list="Deals", email=ada, several="newest")
    assert found.output["id"] == made[1]
    assert isinstance(port.refused("create_item", **given, several="any"), InvalidInput)


def test_what_only_a_new_item_gets_leaves_one_that_is_there_alone(port: Port) -> None:
    given = {"list": "Leads", "contact": "ada@northwind.example", "match": "contact"}
    nobody = port.refused("create_item", **given, create=False)
    assert isinstance(nobody, Filtered)
    first = port.do("create_item", **given, initial={"status": "New"})
    id = str(first.output["id"])
    assert port.field(id, "status") == "New"
    port.do("update_item", item=id, fields={"status": "Qualified"})
    port.do("create_item", **given, initial={"status": "New"}, create=False)
    assert port.field(id, "status") == "Qualified"


def test_an_item_may_match_by_the_value_of_a_field(port: Port) -> None:
    given = {"list": "Deals", "match": "receipt_no"}
    first = port.do("create_item", **given, fields={"receipt_no": "R-1"})
    again = port.do("create_item", **given, fields={"receipt_no": "R-1", "amount": 5})
    other = port.do("create_item", **given, fields={"receipt_no": "R-2"})
    assert again.output["id"] == first.output["id"] != other.output["id"]


def test_a_person_is_made_once_and_completed_later(port: Port) -> None:
    first = port.do("upsert_contact", email="new@acme.test", name="New Person")
    again = port.do("upsert_contact", email="NEW@acme.test", phone="415 555 0100", title="CTO")
    assert (first.output["created"], again.output["created"]) == (True, False)
    assert again.output["id"] == first.output["id"]
    made = port.do("create_item", list="Leads", contact="new@acme.test")
    assert port.back.person(str(made.output["id"])) == ("New Person", "+14155550100", "CTO")


def test_a_person_who_must_be_there_is_not_made(port: Port) -> None:
    error = port.refused("upsert_contact", email="nobody@acme.test", create=False)
    assert str(error) == "nobody found"


def test_a_point_of_contact_is_added_and_none_replaced(port: Port) -> None:
    item = port.back.item("Deals", "Northwind onboarding")
    port.do("add_contact", item=item, contact="ben@larkspur.example")
    port.do("add_contact", item=item, contact="ben@larkspur.example")
    assert port.back.emails(item) == ["ada@northwind.example", "ben@larkspur.example"]


def test_an_account_is_one_by_its_name(port: Port) -> None:
    first = port.do("upsert_account", name="Acme", fields={"zuora_number": "A-1"})
    again = port.do("upsert_account", name=" acme ", contact="ada@northwind.example")
    assert again.output["id"] == first.output["id"]


def test_an_entry_shows_in_the_stream_of_the_item(port: Port) -> None:
    item = port.back.item("Deals", "Northwind onboarding")
    port.do("post_stream", item=item, subject="Booked", body="Receipt 1.")
    port.do("post_stream", email="ada@northwind.example", subject="Sent", body="Due soon.")
    assert port.back.subjects(item) == ["Sent", "Booked"]


def test_a_new_option_is_understood_without_a_restart(port: Port) -> None:
    port.do("update_item", item=(item := port.back.item("Deals", "Northwind onboarding")))
    port.back.add_plan("multi-year")
    port.do("update_item", item=item, fields={"plan": "multi-year"})
    assert port.field(item, "plan") == "multi-year"


def test_two_at_once_make_one_item_and_one_person(office: Office, db: Database) -> None:
    """Ten transactions at once, each of which finds nobody when it looks."""

    def one(_: int) -> None:
        ops = [office.operation("upsert_contact", email="race@acme.test")]
        with db.write() as conn:
            (person,) = office.crm.apply(conn, ops, [])
            assert isinstance(person, Done)
            item = office.operation(
                "create_item", list="Leads", contact=person.output["id"], match="contact"
            )
            (made,) = office.crm.apply(conn, [item], [])
            assert isinstance(made, Done)
            ids.append((str(person.output["id"]), str(made.output["id"])))

    ids: list[tuple[str, str]] = []
    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1


def test_many_that_need_the_definitions_at_once_read_them_once() -> None:
    with stand_in() as (crm, url):
        back, perform = Theirs(crm), over(url, their.KEY, their.SECRET)
        given = {"list": "Deals", "open_only": False, "required": False}
        found = perform(
            [operation("find_item", email=f"p{n}@example.com", **given) for n in range(16)]
        )
        assert all(isinstance(one, Done) for one in found)
        assert back.crm.count("GET", "/fields") == 1
