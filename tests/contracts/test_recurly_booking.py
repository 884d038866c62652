"""A sale is booked in Recurly once, whatever the line does; on the sandbox."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

import pytest

from relay.core.errors import AuthError, UnknownOutcome
from relay.integration import Call, Connection, Deal, Output
from relay.integrations.recurly import INTEGRATION
from relay.integrations.recurly.connector import perform
from relay.integrations.recurly.sandbox import SANDBOX
from tests.contracts.memory_books import MemoryBooks
from tests.contracts.sandbox_http import NOW, SandboxHttp


class Given:
    """Credentials as a person gave them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    async def read(self) -> Mapping[str, str]:
        return self._values

    async def replace(
        self, renew: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        return await renew(self._values)


def book(
    site: SandboxHttp,
    *,
    look_first: bool = False,
    credentials: Mapping[str, str] = SANDBOX.credentials,
) -> Output:
    call = Call(
        verb="purchase",
        params={"account_code": "acme", "amount": Decimal("250.00"), "currency": "USD"},
        connection=Connection(
            id=1,
            name="recurly",
            provider="recurly",
            base_url=site.base_url,
            credentials=Given(credentials),
            settings=SANDBOX.settings,
        ),
        http=site.http,
        key="key-1",
        number="CRM-ABCDEFGHIJKLMNOP",
        reference="deal 1",
        look_first=look_first,
        deal=Deal(account={"id": "a1", "name": "Acme"}, contact={"email": "ann@acme.test"}),
        now=NOW,
    )
    return asyncio.run(perform(call))


@pytest.fixture
def site() -> SandboxHttp:
    assert INTEGRATION.sandbox is SANDBOX
    return SandboxHttp(SANDBOX, MemoryBooks())


def test_a_purchase_is_one_invoice_with_its_amount(site: SandboxHttp) -> None:
    output = book(site)
    assert (output.amount, output.currency, output.found) == (Decimal("250.00"), "USD", False)
    assert len(SANDBOX.documents(site.books)) == 1


def test_asked_again_after_an_unknown_outcome_it_finds_its_invoice(site: SandboxHttp) -> None:
    first = book(site)
    again = book(site, look_first=True)
    assert again.found
    assert again.data["number"] == first.data["number"]
    assert len(SANDBOX.documents(site.books)) == 1


def test_a_purchase_that_never_arrived_is_looked_for_and_then_made(site: SandboxHttp) -> None:
    assert not book(site, look_first=True).found
    assert len(SANDBOX.documents(site.books)) == 1


def test_a_wrong_key_asks_for_a_person(site: SandboxHttp) -> None:
    wrong = dict.fromkeys(SANDBOX.credentials, "wrong")
    with pytest.raises(AuthError):
        book(site, credentials=wrong)


def test_an_answer_lost_after_the_work_does_not_book_twice(site: SandboxHttp) -> None:
    fault = {"id": "next", "fault": "timeout_after_work", "path": "/purchases", "times": 1}
    site.books.put("faults", "next", fault)
    with pytest.raises(UnknownOutcome):
        book(site)
    assert book(site, look_first=True).found
    assert len(SANDBOX.documents(site.books)) == 1
