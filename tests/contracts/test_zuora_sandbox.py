"""The Zuora sandbox answers and refuses as the published document and the provider do."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from relay.core.errors import Conflict, NotFound
from relay.integration import SandboxRequest
from relay.integrations.zuora.connector import test as who
from relay.integrations.zuora.sandbox import SANDBOX
from relay.integrations.zuora.sandbox_rules import NAMES
from tests.contracts.sandbox_http import NOW, Talk
from tests.contracts.zuora_tenant import NUMBER, Tenant, check

ORDER: Mapping[str, object] = {
    "orderDate": "2026-11-24",
    "orderNumber": "O-1",
    "existingAccountNumber": "known",
    "subscriptions": [
        {
            "orderActions": [
                {
                    "type": "CreateSubscription",
                    "createSubscription": {
                        "terms": {"initialTerm": {"period": 12, "termType": "TERMED"}},
                        "subscribeToRatePlans": [{"productRatePlanNumber": "PRP-00000001"}],
                    },
                }
            ]
        }
    ],
}
CONTACT = {"firstName": "Ann", "lastName": "Lee"}
ACCOUNT: Mapping[str, object] = {
    "name": "Acme",
    "currency": "USD",
    "billCycleDay": 1,
    "accountNumber": "known",
    "billToContact": CONTACT,
}


@pytest.fixture
def tenant() -> Tenant:
    made = Tenant()
    assert _told(made.ask("POST", "/v1/accounts", ACCOUNT))["success"] is True
    return made


def _told(talk: Talk) -> dict[str, object]:
    return dict(json.loads(talk.answer.body))


def _code(talk: Talk) -> int:
    return int(json.loads(talk.answer.body)["reasons"][0]["code"])


def test_every_page_of_the_sandbox_is_as_published(tenant: Tenant) -> None:
    output = tenant.book()
    for path in (
        "/v1/accounts/known",
        f"/v1/orders/{NUMBER}",
        f"/v1/subscriptions/{output.data['subscription']}",
        f"/v1/invoices/{output.data['invoice']}",
    ):
        assert _told(tenant.ask("GET", path))["success"] is True, path
    check(tenant)


def test_its_names_are_those_of_zuoras_own_models() -> None:
    path = Path(__file__).parent / "specs" / "zuora.openapi.json"
    schemas = json.loads(path.read_text())["components"]["schemas"]
    for shape, names in NAMES.items():
        assert names == set(schemas[shape]["properties"]), shape


@pytest.mark.parametrize(
    ("change", "category"),
    [
        ({"subscription": []}, 21),
        ({"orderDate": None}, 22),
        ({"orderDate": "24.11.2026"}, 20),
        ({"orderNumber": "a/b"}, 20),
        ({"orderNumber": "x" * 101}, 20),
        ({"newAccount": ACCOUNT}, 20),
        ({"existingAccountNumber": None}, 20),
        ({"existingAccountNumber": "nobody"}, 40),
        ({"subscriptions": []}, 22),
        ({"subscriptions": [{"orderActions": [{"type": "CreateSubscription"}]}]}, 22),
    ],
)
def test_an_order_is_refused_inside_a_200(
    tenant: Tenant, change: Mapping[str, object], category: int
) -> None:
    body = {name: value for name, value in {**ORDER, **change}.items() if value is not None}
    talk = tenant.ask("POST", "/v1/orders", body)
    assert talk.answer.status == 200
    assert _told(talk)["success"] is False
    assert _code(talk) % 100 == category
    assert tenant.orders() == 0


def test_a_number_is_given_out_once(tenant: Tenant) -> None:
    assert _told(tenant.ask("POST", "/v1/orders", ORDER))["success"] is True
    assert _told(tenant.ask("POST", "/v1/orders", ORDER))["success"] is False
    assert _told(tenant.ask("POST", "/v1/accounts", ACCOUNT))["success"] is False
    assert tenant.orders() == 1


def test_a_postcode_has_two_names_and_each_call_knows_one(tenant: Tenant) -> None:
    postal, zipped = {**CONTACT, "postalCode": "94000"}, {**CONTACT, "zipCode": "94000"}
    account = {**ACCOUNT, "accountNumber": "CRM-2"}
    without = {name: value for name, value in ORDER.items() if name != "existingAccountNumber"}

    def order(contact: Mapping[str, str]) -> Talk:
        new = {**account, "billToContact": contact}
        return tenant.ask("POST", "/v1/orders", {**without, "newAccount": new})

    assert _code(order(zipped)) % 100 == 21
    assert _told(order(postal))["success"] is True
    third = {**account, "accountNumber": "CRM-3"}
    refused = tenant.ask("POST", "/v1/accounts", {**third, "billToContact": postal})
    assert _code(refused) % 100 == 21
    made = tenant.ask("POST", "/v1/accounts", {**third, "billToContact": zipped})
    assert _told(made)["success"] is True


def test_an_unknown_account_is_a_200_that_says_no(tenant: Tenant) -> None:
    talk = tenant.ask("GET", "/v1/accounts/nobody")
    assert talk.answer.status == 200
    assert _code(talk) == 50000040
    check(tenant)


def test_a_key_repeats_its_first_answer_success_or_failure(tenant: Tenant) -> None:
    wrong = {**ORDER, "existingAccountNumber": "nobody"}
    failed = tenant.ask("POST", "/v1/orders", wrong, idempotency_key="a")
    again = tenant.ask("POST", "/v1/orders", ORDER, idempotency_key="a")
    assert again.answer.body == failed.answer.body
    placed = tenant.ask("POST", "/v1/orders", ORDER, idempotency_key="b")
    repeated = tenant.ask("POST", "/v1/orders", ORDER, idempotency_key="b")
    assert repeated.answer.body == placed.answer.body
    assert tenant.orders() == 1
    elsewhere = tenant.ask("POST", "/v1/accounts", ACCOUNT, idempotency_key="b")
    assert elsewhere.answer.status == 422


def test_a_token_ends_after_its_hour_and_belongs_to_the_client(tenant: Tenant) -> None:
    good = tenant.ask("GET", "/v1/accounts/known").request.headers["authorization"]
    later = tenant.http.now + timedelta(hours=1)
    for sent, now in ((good, later), ("Bearer x", NOW), ("Basic eDp5", NOW), ("", NOW)):
        request = SandboxRequest(
            method="GET",
            path="/v1/accounts/known",
            query={},
            headers={"authorization": sent},
            body=b"",
            now=now,
        )
        answer = SANDBOX.handle(request, tenant.books)
        assert answer.status == 401
        assert json.loads(answer.body) == {"message": "Authentication error"}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, 401),
        ({"grant_type": "password", **SANDBOX.credentials}, 400),
        ({}, 400),
    ],
)
def test_no_token_without_the_right_form(
    tenant: Tenant, form: Mapping[str, str], status: int
) -> None:
    request = SandboxRequest(
        method="POST",
        path="/oauth/token",
        query={},
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
        now=NOW,
    )
    assert SANDBOX.handle(request, tenant.books).status == status


def test_every_answer_says_what_is_left_of_the_rate(tenant: Tenant) -> None:
    headers = tenant.ask("GET", "/v1/accounts/known").answer.headers
    assert {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"} <= set(headers)


def test_the_connection_says_which_tenant_it_is(tenant: Tenant) -> None:
    assert asyncio.run(who(tenant.connection, tenant.http.http, NOW)) == "Zuora at sandbox.test"
    check(tenant)


def test_a_person_who_follows_the_link_sees_the_order(tenant: Tenant) -> None:
    output = tenant.book()
    path = str(output.data["url"]).removeprefix(tenant.http.base_url)
    request = SandboxRequest(
        method="GET", path=path, query={}, headers={"accept": "text/html"}, body=b"", now=NOW
    )
    page = SANDBOX.handle(request, tenant.books)
    assert page.status == 200
    assert b"30000.00 USD" in page.body


def test_the_books_show_what_can_be_paid_and_it_is_paid_once(tenant: Tenant) -> None:
    tenant.book()
    (row,) = SANDBOX.documents(tenant.books)
    assert (row.number, row.customer, row.amount, row.currency) == (
        NUMBER,
        "Acme Ltd",
        "30000.00",
        "USD",
    )
    assert (row.state, row.payable) == ("open", True)
    SANDBOX.pay(tenant.books, row.id, NOW)
    (row,) = SANDBOX.documents(tenant.books)
    assert (row.state, row.payable) == ("paid", False)
    with pytest.raises(Conflict):
        SANDBOX.pay(tenant.books, row.id, NOW)
    with pytest.raises(NotFound):
        SANDBOX.pay(tenant.books, "O-404", NOW)
