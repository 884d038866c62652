"""The Recurly sandbox answers and refuses as the published document and the provider do."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from relay.integration import SandboxRequest
from relay.integrations.recurly.connector import test as who
from relay.integrations.recurly.sandbox import SANDBOX
from tests.contracts.recurly_site import AMOUNT, PLAN, Site, check
from tests.contracts.sandbox_http import NOW


@pytest.fixture
def site() -> Site:
    return Site()


def test_every_page_of_the_sandbox_is_as_published(site: Site) -> None:
    site.book("subscription", PLAN)
    invoice = str(site.http.books.all("invoices")[0]["id"])
    SANDBOX.pay(site.http.books, invoice, NOW)
    code = "code-5f3a9c2e1b7d4e6f8a0b1c2d"
    for path in (
        "/sites",
        "/plans",
        "/plans/code-team-annual",
        f"/accounts/{code}",
        f"/accounts/{code}/invoices",
        f"/accounts/{code}/subscriptions",
        f"/invoices/{invoice}",
        "/invoices/number-1001",
        "/subscriptions/su0000000001",
        "/transactions/tr0000000001",
    ):
        assert site.ask("GET", path).answer.status == 200, path
    site.ask("PUT", f"/accounts/{code}", {"company": "Acme Group"})
    body = {
        "currency": "USD",
        "collection_method": "manual",
        "plan_code": "team-monthly",
        "account": {"code": "other"},
    }
    assert site.ask("POST", "/subscriptions", body).answer.status == 201
    preview = {**AMOUNT_BODY, "account": {"code": "third"}}
    assert site.ask("POST", "/purchases/preview", preview).answer.status == 200
    check(site)


AMOUNT_BODY: Mapping[str, object] = {
    "currency": "USD",
    "collection_method": "manual",
    "account": {"code": "acme"},
    "line_items": [{"type": "charge", "currency": "USD", "unit_amount": 5, "description": "x"}],
}


@pytest.mark.parametrize(
    ("path", "change", "status", "kind"),
    [
        ("/purchases", {"currency": None}, 422, "validation"),
        ("/purchases", {"currency": "XAU"}, 422, "validation"),
        ("/purchases", {"collection_method": "automatic"}, 422, "validation"),
        ("/purchases", {"account": {}}, 422, "validation"),
        ("/purchases", {"account": {"code": "a", "email": "x"}}, 422, "validation"),
        ("/purchases", {"line_items": []}, 422, "validation"),
        ("/purchases", {"po_number": "x" * 51}, 422, "validation"),
        ("/purchases", {"subscriptions": [{"plan_code": "gold"}]}, 422, "validation"),
        ("/subscriptions", {"plan_code": "gold"}, 404, "not_found"),
        ("/nowhere", {}, 404, "not_found"),
    ],
)
def test_the_sandbox_refuses_what_recurly_refuses(
    site: Site, path: str, change: Mapping[str, object], status: int, kind: str
) -> None:
    body = {name: value for name, value in {**AMOUNT_BODY, **change}.items() if value is not None}
    talk = site.ask("POST", path, body)
    assert talk.answer.status == status
    assert json.loads(talk.answer.body)["error"]["type"] == kind
    assert site.invoices() == 0


def test_a_taken_code_is_refused(site: Site) -> None:
    site.ask("POST", "/accounts", {"code": "acme"})
    talk = site.ask("POST", "/accounts", {"code": "acme"})
    assert talk.answer.status == 422
    (param,) = json.loads(talk.answer.body)["error"]["params"]
    assert param == {"param": "code", "message": "has already been taken"}
    check(site)


def test_without_a_version_nothing_is_served(site: Site) -> None:
    for accept, kind in (
        ("application/json", "invalid_api_version"),
        ("application/vnd.recurly.v2099-01-01+json", "unknown_api_version"),
    ):
        talk = site.ask("GET", "/sites", accept=accept)
        assert talk.answer.status == 406
        assert json.loads(talk.answer.body)["error"]["type"] == kind
    assert (
        site.ask("GET", "/sites", accept="application/vnd.recurly.v2021-02-25").answer.status == 200
    )


def test_every_answer_says_what_is_left_of_the_rate(site: Site) -> None:
    headers = site.ask("GET", "/sites").answer.headers
    assert headers["x-ratelimit-limit"] == "400"
    assert int(headers["x-ratelimit-reset"]) > NOW.timestamp()


def test_a_long_list_comes_in_pages(site: Site) -> None:
    for each in range(3):
        site.book("purchase", AMOUNT, key=f"k{each}", number=f"CRM-{each}")
    first = json.loads(site.ask("GET", "/accounts/code-acme/invoices?limit=2").answer.body)
    assert [each["po_number"] for each in first["data"]] == ["CRM-2", "CRM-1"]
    second = json.loads(site.ask("GET", first["next"]).answer.body)
    assert [each["po_number"] for each in second["data"]] == ["CRM-0"]
    assert second["has_more"] is False


def test_the_connection_says_which_site_it_is(site: Site) -> None:
    name = asyncio.run(who(site.connection, site.http.http, NOW))
    assert name == "Recurly site relay-sandbox (sandbox)"
    check(site)


def test_a_person_who_follows_the_link_sees_the_invoice(site: Site) -> None:
    output = site.book("purchase", AMOUNT)
    path = str(output.data["url"]).removeprefix(site.http.base_url)
    page = SANDBOX.handle(
        SandboxRequest(
            method="GET", path=path, query={}, headers={"accept": "text/html"}, body=b"", now=NOW
        ),
        site.http.books,
    )
    assert page.status == 200
    assert b"invoice 1001" in page.body
    assert b"250.10 USD" in page.body


def test_an_answer_may_be_made_slow(site: Site) -> None:
    site.fault("slow")
    site.book("purchase", AMOUNT)
    assert site.http.talks[-1].answer.headers["x-sandbox-wait"] == "5"
