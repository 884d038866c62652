"""A program written for SalesforceIQ runs unchanged: its vendor's own SDK, with another address."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.crm.sdk.relateiq import client
from tests.crm.sdk.relateiq.accounts import Account
from tests.crm.sdk.relateiq.contacts import Contact
from tests.crm.sdk.relateiq.lists import List
from tests.crm.sdk.relateiq.organization import Organization
from tests.scenarios.house import House

EMAIL = "ann@sonar.example"


@pytest.fixture
def deals(small_house: House) -> Iterator[Any]:
    """The SDK is told where the service is, and nothing else; what it gives is one of its lists."""
    made = small_house.made
    client.RelateIQ(made.key, made.secret, f"{small_house.base_url}/v2/")
    List.resetCache()
    yield next(one for one in iter(List.next, None) if one.title() == "Deals")
    client.RelateIQ("", "", "")


def all_of(its: Any, **options: object) -> list[Any]:
    """Pages through a list's items as the SDK's examples do."""
    its.setFetchOptions(options)
    return list(iter(its.__next__, None))


def test_the_vendor_s_sdk_works_with_its_address_changed_alone(
    small_house: House, deals: Any
) -> None:
    assert Organization().fetch()
    account = Account(name="Sonar Ltd")
    account.create()
    ann = Contact(name="Ann Lee", email=EMAIL, phone="+14155550134")
    ann.create()
    item = deals.ListItem(name="Sonar deal", accountId=account.id(), contactIds=[ann.id()],
                          fieldValues={"Status": "Proposal"})  # fmt: skip
    item.create()
    item.fieldValue("Amount", "1200.50")
    item.update()
    shown = small_house.item("Deals", "Sonar deal")["shown"]
    assert (shown["Status"], shown["Amount"]) == ("Proposal", "1200.50")

    again = Contact(name="Ann Lee", email=EMAIL, title="CTO")
    again.create({"_upsert": "email"})
    assert (again.id(), again.title()) == (ann.id(), "CTO")
    Contact.setFetchOptions({"properties.email": EMAIL})
    assert [one.id() for one in iter(Contact.next, None)] == [ann.id()]
    assert [*Contact.fetchByIds([ann.id(), "0" * 24])] == [ann.id()]

    deals.ListItems.setPageSize(2)
    everything = all_of(deals.ListItems)
    assert len(everything) == deals.fetchListSize() == len(small_house.deals()) > 2
    assert [one.id() for one in all_of(deals.ListItems, contactIds=ann.id())] == [item.id()]
    since = all_of(deals.ListItems, modifiedDate=item.modifiedDate())
    assert [one.id() for one in since] == [item.id()]

    said = {"subject": "Call", "body": "She rang", "participantIds": [
        {"type": "email", "value": EMAIL}]}  # fmt: skip
    client.put("events", said)
    batch = Account.createBatch([Account(name=f"Branch {number}") for number in range(51)])
    assert (len(batch["successObjects"]), batch["errorObjects"]) == (51, [])
    assert item.exists()
    item.delete()
    assert not item.exists()
