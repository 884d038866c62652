"""Zuora: orders placed once, every request and answer held to its published document."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from relay.core.errors import (
    AuthError,
    InvalidInput,
    PermanentError,
    RemoteError,
    RetryableError,
    UnknownOutcome,
)
from relay.core.facts import a_list, a_map
from relay.http import Response
from relay.integration import Answer, Books, Deal, SandboxRequest
from relay.integrations.zuora import answers
from tests.contracts.sandbox_http import Talk
from tests.contracts.zuora_tenant import (
    ACCOUNT,
    DEAL,
    NUMBER,
    ORDER,
    PUBLISHED,
    Kept,
    Tenant,
    check,
)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()


def _sent(talk: Talk) -> Mapping[str, object]:
    assert isinstance(talk.sent, dict)
    return talk.sent


# --- booking -----------------------------------------------------------------------------------


def test_a_won_deal_becomes_an_order_for_a_new_account_of_its_own(tenant: Tenant) -> None:
    output = tenant.book()
    check(tenant)
    assert output.data == {
        "id": output.data["id"],
        "number": NUMBER,
        "subscription": "A-S00000001",
        "account": f"CRM-{ACCOUNT}",
        "invoice": "INV00000001",
        "url": f"{tenant.http.base_url}/v1/orders/{NUMBER}",
    }
    assert output.found is False
    (order,) = tenant.http.sent("POST", "/orders")
    assert _sent(order)["orderNumber"] == NUMBER
    assert _sent(order)["newAccount"] == {
        "accountNumber": f"CRM-{ACCOUNT}",
        "crmId": ACCOUNT,
        "name": "Acme Ltd",
        "currency": "USD",
        "billCycleDay": 1,
        "autoPay": False,
        "paymentTerm": "Net 30",
        "billToContact": {
            "firstName": "Ann",
            "lastName": "Lee",
            "workEmail": "ann@acme.test",
            "workPhone": "+14155552671",
            "country": "United States",
        },
    }
    assert _sent(order)["processingOptions"] == {"runBilling": True, "collectPayment": False}
    assert order.request.headers["idempotency-key"] == "key-1"
    assert order.request.headers["zuora-track-id"] == NUMBER


def test_the_subscription_has_the_deals_rate_plans_and_begins_on_its_day(tenant: Tenant) -> None:
    tenant.book({**ORDER, "rate_plans": ["PRP-00000002", "PRP-00000001", "PRP-00000002"]})
    check(tenant)
    (order,) = tenant.http.sent("POST", "/orders")
    (subscription,) = a_list(_sent(order)["subscriptions"])
    (action,) = a_list(a_map(subscription)["orderActions"])
    action = json.loads(json.dumps(action))
    assert action["createSubscription"]["subscribeToRatePlans"] == [
        {"productRatePlanNumber": "PRP-00000002"},
        {"productRatePlanNumber": "PRP-00000001"},
    ]
    assert {each["triggerDate"] for each in action["triggerDates"]} == {"2026-11-24"}
    assert str(tenant.books.all("invoices")[0]["amount"]) == "30000.00"


def test_an_account_that_is_known_by_number_is_used_as_it_is(tenant: Tenant) -> None:
    tenant.book()
    output = tenant.book(
        {**ORDER, "account_number": f"CRM-{ACCOUNT}"}, key="k2", number="CRM-2", deal=Deal()
    )
    check(tenant)
    assert output.data["account"] == f"CRM-{ACCOUNT}"
    assert _sent(tenant.http.sent("POST", "/orders")[1])["existingAccountNumber"]
    assert len(tenant.books.all("accounts")) == 1


def test_the_deals_own_account_is_made_once_for_all_its_deals(tenant: Tenant) -> None:
    tenant.book()
    tenant.book(key="k2", number="CRM-2")
    check(tenant)
    assert len(tenant.books.all("accounts")) == 1
    assert tenant.orders() == 2


def test_an_account_number_that_zuora_does_not_know_fails_the_step(tenant: Tenant) -> None:
    with pytest.raises(PermanentError, match="50000040"):
        tenant.book({**ORDER, "account_number": "A-404"})
    check(tenant)


def test_a_contact_without_a_last_name_or_an_email_is_billed_all_the_same(tenant: Tenant) -> None:
    tenant.book(deal=Deal(account=DEAL.account, contact={"name": "Cher"}))
    check(tenant)
    (account,) = tenant.books.all("accounts")
    assert account["billToContact"] == {
        "firstName": "Cher",
        "lastName": "-",
        "country": "United States",
    }


def test_settings_of_the_connection_shape_the_order() -> None:
    tenant = Tenant(
        settings={
            "currency": "eur",
            "payment_term": "Due Upon Receipt",
            "bill_cycle_day": 15,
            "term_months": "24",
            "auto_renew": "no",
            "run_billing": "no",
            "rate_plans": {"Platform": "PRP-00000001"},
        }
    )
    output = tenant.book({**ORDER, "order_date": "2026-12-01", "rate_plans": "Platform"})
    check(tenant)
    (order,) = tenant.http.sent("POST", "/orders")
    sent = json.dumps(_sent(order))
    for part in (
        '"currency": "EUR"',
        '"billCycleDay": 15',
        '"period": 24',
        '"autoRenew": false',
        '"runBilling": false',
        '"productRatePlanNumber": "PRP-00000001"',
    ):
        assert part in sent
    assert output.data["invoice"] is None


def test_a_rate_plan_may_be_named_by_its_catalogue_id(tenant: Tenant) -> None:
    tenant.book({**ORDER, "rate_plans": ["8ad081c68b1d0001018b1e0000000001"]})
    check(tenant)
    (order,) = tenant.http.sent("POST", "/orders")
    assert b'"productRatePlanId":"8ad0' in order.request.body


@pytest.mark.parametrize(
    ("change", "deal", "name"),
    [
        ({"order_date": None}, DEAL, "order_date"),
        ({"order_date": "tomorrow"}, DEAL, "order_date"),
        ({"rate_plans": []}, DEAL, "rate_plans"),
        ({"rate_plans": None}, DEAL, "rate_plans"),
        ({"rate_plans": ["PRP-00000001", None]}, DEAL, "rate_plans"),
        ({"rate_plans": {"a": 1}}, DEAL, "rate_plans"),
        ({}, Deal(), "account_number"),
    ],
)
def test_what_cannot_be_ordered_is_refused_by_name_before_anything_is_sent(
    tenant: Tenant, change: Mapping[str, object], deal: Deal, name: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        tenant.book({**ORDER, **change}, deal=deal)
    assert list(refusal.value.fields) == [name]
    assert not tenant.http.talks


def test_an_account_without_a_name_is_not_made(tenant: Tenant) -> None:
    with pytest.raises(InvalidInput, match="no name"):
        tenant.book(deal=Deal(account={"id": "a1"}))
    assert tenant.orders() == 0


def test_a_rate_plan_that_zuora_does_not_sell_fails_in_its_words(tenant: Tenant) -> None:
    with pytest.raises(PermanentError, match="Cannot find ProductRatePlan 'PRP-9'"):
        tenant.book({**ORDER, "rate_plans": ["PRP-9"]})
    check(tenant)
    assert tenant.orders() == 0


# --- once --------------------------------------------------------------------------------------


def test_an_answer_that_was_lost_is_looked_up_and_nothing_is_ordered_twice(tenant: Tenant) -> None:
    tenant.fault("timeout_after_work")
    with pytest.raises(UnknownOutcome):
        tenant.book()
    assert tenant.orders() == 1
    output = tenant.book(look_first=True)
    check(tenant)
    assert output.found
    assert output.data["number"] == NUMBER
    assert output.data["subscription"] == "A-S00000001"
    assert output.data["account"] == f"CRM-{ACCOUNT}"
    assert len(tenant.http.sent("POST", "/orders")) == 1


def test_without_looking_the_key_gives_the_first_answer_again(tenant: Tenant) -> None:
    tenant.fault("timeout_after_work")
    with pytest.raises(UnknownOutcome):
        tenant.book()
    output = tenant.book()
    check(tenant)
    assert output.data["number"] == NUMBER
    assert tenant.orders() == 1


def test_an_order_number_that_is_taken_is_our_own_order(tenant: Tenant) -> None:
    tenant.book()
    output = tenant.book(key="another")
    check(tenant)
    assert output.found
    assert tenant.orders() == 1


def test_an_order_that_never_arrived_is_placed_by_the_next_try(tenant: Tenant) -> None:
    tenant.fault("500", path="/v1/orders")
    with pytest.raises(UnknownOutcome):
        tenant.book()
    output = tenant.book(look_first=True)
    check(tenant)
    assert output.found is False
    assert tenant.orders() == 1


def test_a_look_up_that_fails_leaves_the_outcome_unknown(tenant: Tenant) -> None:
    tenant.book()
    for name in ("throttle", "500", "temporary", "internal"):
        tenant.fault(name, path=f"/v1/orders/{NUMBER}")
        with pytest.raises(UnknownOutcome):
            tenant.book(look_first=True)
    check(tenant)
    assert tenant.book(look_first=True).found


def test_an_account_made_meanwhile_is_used_on_the_next_try(tenant: Tenant) -> None:
    tenant.book(number="CRM-1", key="k1")
    books, sandbox = tenant.books, tenant.http.sandbox
    account = books.all("accounts")[0]
    books.kinds["accounts"].clear()

    def meanwhile(request: SandboxRequest, found: Books) -> Answer:
        """Another deal's order makes the account between our look and our order."""
        if request.path == "/v1/orders":
            found.put("accounts", f"CRM-{ACCOUNT}", account)
        return sandbox.handle(request, found)

    tenant.http.sandbox = replace(sandbox, handle=meanwhile)
    with pytest.raises(RetryableError, match="made meanwhile"):
        tenant.book()
    tenant.http.sandbox = sandbox
    assert tenant.book(key="key-2").data["account"] == f"CRM-{ACCOUNT}"
    check(tenant)
    assert tenant.orders() == 2


# --- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("lock", RetryableError),
        ("temporary", RetryableError),
        ("too_many", RetryableError),
        ("throttle", RetryableError),
        ("internal", UnknownOutcome),
        ("running", UnknownOutcome),
        ("forbidden", AuthError),
        ("tax", PermanentError),
        ("500", UnknownOutcome),
    ],
)
def test_a_refusal_inside_a_200_is_judged_by_its_category(
    tenant: Tenant, fault: str, kind: type[RemoteError]
) -> None:
    tenant.fault(fault, path="/v1/orders")
    with pytest.raises(kind) as refusal:
        tenant.book()
    assert type(refusal.value) is kind
    check(tenant)
    assert tenant.orders() == 0


def test_a_failure_is_replayed_under_its_key_and_passes_under_a_new_one(tenant: Tenant) -> None:
    tenant.fault("lock", path="/v1/orders")
    for _ in range(2):
        with pytest.raises(RetryableError, match="58730050"):
            tenant.book()
    assert tenant.book(key="key-2").data["number"] == NUMBER
    check(tenant)


def test_throttling_waits_as_long_as_it_is_told(tenant: Tenant) -> None:
    tenant.fault("throttle", path="/v1/orders")
    with pytest.raises(RetryableError) as refusal:
        tenant.book()
    assert refusal.value.retry_after == timedelta(seconds=30)


def test_a_token_is_asked_for_once_and_kept(tenant: Tenant) -> None:
    tenant.book()
    tenant.book(key="k2", number="CRM-2")
    assert tenant.kept.renewals == 1
    tenant.http.now += timedelta(minutes=56)
    tenant.book(key="k3", number="CRM-3")
    assert tenant.kept.renewals == 2
    check(tenant)


@pytest.mark.parametrize("fault", ["expired_token", "dead_token"])
def test_a_token_that_dies_early_is_replaced_and_the_order_placed(
    tenant: Tenant, fault: str
) -> None:
    tenant.fault(fault, path="/v1/orders")
    output = tenant.book()
    check(tenant)
    assert output.data["number"] == NUMBER
    assert tenant.kept.renewals == 2
    assert tenant.orders() == 1


def test_a_token_that_others_have_renewed_is_not_renewed_again(tenant: Tenant) -> None:
    tenant.book()
    stale = tenant.kept.values["access_token"]
    tenant.books.put("tokens", stale, {"until": "2020-01-01T00:00:00+00:00"})
    tenant.book(key="k2", number="CRM-2")
    assert tenant.kept.renewals == 2
    assert len(tenant.http.sent("POST", "/oauth/token")) == 2


@pytest.mark.parametrize(
    "values", [{}, {"client_id": "x", "client_secret": "y"}, {"client_id": "sandbox-zuora-client"}]
)
def test_wrong_credentials_ask_for_a_person(values: dict[str, str]) -> None:
    tenant = Tenant(kept=Kept(values))
    with pytest.raises(AuthError):
        tenant.book()
    for talk in tenant.http.talks:
        PUBLISHED.check(talk)


def test_credentials_that_stay_refused_ask_for_a_person(tenant: Tenant) -> None:
    tenant.fault("dead_token", path="/v1/orders", times=2)
    with pytest.raises(AuthError):
        tenant.book()
    assert tenant.orders() == 0


def _error(status: int, body: object, *, writes: bool = True, **headers: str) -> RemoteError | None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = Response(status=status, headers=named, content=content)
    problem = answers.problem_in(response, answers.read(response))
    if problem is None:
        return None
    return answers.error_of(problem, response, "Zuora, POST /v1/orders", writes=writes)


def _reasons(code: object) -> dict[str, object]:
    return {"success": False, "processId": "p", "reasons": [{"code": code, "message": "No."}]}


ACTION = {"Success": False, "Errors": [{"Code": "INVALID_ID", "Message": "x"}]}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        *[(200, _reasons(58730000 + each), PermanentError) for each in (20, 21, 22, 23, 27, 30)],
        *[(200, _reasons(58730000 + each), PermanentError) for each in (40, 45, 90, 99)],
        (200, _reasons("58730050"), RetryableError),
        (400, _reasons(58730061), RetryableError),
        (200, _reasons(58730060), UnknownOutcome),
        (200, _reasons(58730010), AuthError),
        (200, _reasons(90000011), AuthError),
        (
            200,
            {"Success": False, "Errors": [{"Code": "INVALID_ID", "Message": "x"}]},
            PermanentError,
        ),
        (
            400,
            [{"Success": False, "Errors": [{"Code": "INVALID_ID", "Message": "x"}]}],
            PermanentError,
        ),
        (401, {"message": "Authentication error"}, AuthError),
        (403, {"code": 403, "message": "no"}, AuthError),
        (400, {"code": 53100020, "message": "no"}, PermanentError),
        (500, b"We're sorry, but something went wrong.", UnknownOutcome),
        (502, b"", UnknownOutcome),
        (409, b"", UnknownOutcome),
        (422, b"{}", PermanentError),
        (429, b"", RetryableError),
        (200, b"<html></html>", UnknownOutcome),
        (200, {"orderNumber": "x"}, UnknownOutcome),
    ],
)
def test_every_shape_of_error_is_understood(
    status: int, body: object, kind: type[RemoteError]
) -> None:
    error = _error(status, body)
    assert error is not None
    assert type(error) is kind
    assert error.status == status
    assert "INVALID_ID" in str(error) or "INVALID_ID" not in str(body)


def test_a_success_is_a_success_only_when_it_says_so() -> None:
    assert _error(200, {"success": True}) is None
    assert _error(200, {"success": "true"}) is not None
    assert _error(500, {"success": True}) is not None


def test_the_wait_is_the_servers_own() -> None:
    told = _error(429, b"", ratelimit_reset="17")
    assert isinstance(told, RetryableError)
    assert told.retry_after == timedelta(seconds=17)
    asked = _error(429, _reasons(58730070), ratelimit_reset="17", retry_after="5")
    assert isinstance(asked, RetryableError)
    assert asked.retry_after == timedelta(seconds=5)


def test_an_account_has_its_postcode_under_the_name_that_each_call_takes(tenant: Tenant) -> None:
    address = {"street": "1 Main St", "city": "Springfield", "postcode": "94000"}
    other = replace(DEAL, account={"id": "6a", "name": "Other Ltd"})
    tenant.book({**ORDER, "address": address})
    made = tenant.book({"address": address}, verb="account", deal=other, key="k2")
    again = tenant.book({}, verb="account", deal=other, key="k3")
    assert made.data == again.data
    order, account = (a_map(talk.sent) for talk in tenant.http.sent("POST", "/v1/orders")
                      + tenant.http.sent("POST", "/v1/accounts"))  # fmt: skip
    contact = a_map(a_map(order["newAccount"])["billToContact"])
    assert (contact["postalCode"], "zipCode" in contact) == ("94000", False)
    contact = a_map(account["billToContact"])
    assert (contact["zipCode"], "postalCode" in contact) == ("94000", False)
    check(tenant)
