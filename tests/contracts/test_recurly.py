"""Recurly: sales booked once, every request and answer held to its published document."""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from relay.core.errors import (
    AuthError,
    InvalidInput,
    PermanentError,
    RemoteError,
    RetryableError,
    UnknownOutcome,
)
from relay.http import Response
from relay.integration import Deal
from relay.integrations.recurly import api
from tests.contracts.recurly_site import AMOUNT, NUMBER, PLAN, Site, check
from tests.contracts.sandbox_http import NOW


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_won_deal_becomes_a_subscription_and_one_invoice_to_be_paid_by_hand(site: Site) -> None:
    output = site.book("subscription", PLAN)
    check(site)
    assert output.amount == Decimal("3600.00")
    assert output.currency == "USD"
    assert output.data["number"] == "1001"
    assert output.found is False
    (sent,) = site.http.sent("POST")
    assert sent.sent == {
        "currency": "USD",
        "collection_method": "manual",
        "net_terms": 30,
        "po_number": NUMBER,
        "account": {
            "code": "5f3a9c2e1b7d4e6f8a0b1c2d",
            "email": "ann@acme.test",
            "first_name": "Ann",
            "last_name": "Lee",
            "company": "Acme Ltd",
            "address": {"phone": "+14155552671"},
        },
        "subscriptions": [{"plan_code": "team-annual", "quantity": 3}],
    }
    assert sent.request.headers["idempotency-key"] == "key-1"
    assert sent.request.headers["accept"] == "application/vnd.recurly.v2021-02-25+json"
    assert site.http.books.find("subscriptions", po_number=NUMBER)


def test_an_amount_is_one_line_called_like_the_deal(site: Site) -> None:
    output = site.book("purchase", AMOUNT)
    check(site)
    (sent,) = site.http.sent("POST")
    assert isinstance(sent.sent, dict)
    assert sent.sent["line_items"] == [
        {
            "type": "charge",
            "currency": "USD",
            "unit_amount": Decimal("250.10"),
            "quantity": 1,
            "description": "Acme, team plan",
        }
    ]
    assert b'"unit_amount":250.10' in sent.request.body
    assert output.amount == Decimal("250.10")


def test_lines_carry_an_item_code_or_a_description_and_never_both(site: Site) -> None:
    lines = [
        {"item": "setup", "description": "ignored", "amount": Decimal(500)},
        {"description": "Training", "quantity": 4, "amount": "100.00"},
    ]
    params = {"account_code": "acme", "currency": "USD", "lines": lines}
    output = site.book("purchase", params)
    check(site)
    assert output.amount == Decimal("600.00")
    (sent,) = site.http.sent("POST")
    assert isinstance(sent.sent, dict)
    first, second = sent.sent["line_items"]
    assert first["item_code"] == "setup"
    assert "description" not in first
    assert (second["unit_amount"], second["quantity"]) == (Decimal("25.00"), 4)


def test_a_negotiated_price_replaces_the_plans_own(site: Site) -> None:
    output = site.book("subscription", {**PLAN, "amount": Decimal("3000.00")})
    check(site)
    (sent,) = site.http.sent("POST")
    assert isinstance(sent.sent, dict)
    assert sent.sent["subscriptions"][0]["unit_amount"] == Decimal("1000.00")
    assert output.amount == Decimal("3000.00")


def test_a_customer_who_exists_is_left_as_people_made_it(site: Site) -> None:
    site.ask("POST", "/accounts", {"code": "acme", "email": "billing@acme.test"})
    site.book("purchase", AMOUNT)
    check(site)
    assert isinstance(site.http.sent("POST", "/purchases")[0].sent, dict)
    (account,) = site.http.books.all("accounts")
    assert account["email"] == "billing@acme.test"


def test_a_deal_without_an_email_is_booked_without_one(site: Site) -> None:
    site.book("purchase", AMOUNT, deal=Deal(account={"id": "a", "name": "Acme"}))
    check(site)
    assert site.invoices() == 1
    assert "email" not in site.http.books.all("accounts")[0]


def test_an_account_code_with_slashes_and_spaces_reaches_its_own_account(site: Site) -> None:
    params = {**AMOUNT, "account_code": "acme/west 1"}
    site.book("purchase", params)
    again = site.book("purchase", params, look_first=True)
    assert again.found
    assert site.http.talks[0].url.endswith("/accounts/code-acme%2Fwest%201")


def test_the_link_leads_to_the_sites_page_where_the_site_is_known() -> None:
    site = Site(settings={"site": "acme", "net_terms": "14"})
    output = site.book("purchase", AMOUNT)
    assert output.data["url"] == "https://acme.recurly.com/invoices/1001"
    assert isinstance(site.http.sent("POST")[0].sent, dict)
    assert site.http.books.all("invoices")[0]["net_terms"] == 14


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"amount": Decimal(0)}, "amount"),
        ({"amount": Decimal("-5.00")}, "amount"),
        ({"amount": "n/a"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": Decimal("10.005")}, "amount"),
        ({"amount": Decimal("10.50"), "currency": "JPY"}, "amount"),
        ({"amount": Decimal("10.00"), "quantity": 3}, "amount"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": Decimal("1.5")}, "quantity"),
        ({"currency": "dollars"}, "currency"),
        ({"currency": None}, "currency"),
        ({"account_code": None}, "account_code"),
        ({"account_code": "x" * 51}, "account_code"),
        ({"email": "not an address"}, "email"),
        ({"amount": None}, "plan_code"),
        ({"amount": None, "lines": []}, "plan_code"),
        ({"lines": [{"amount": Decimal(0), "description": "x"}]}, "lines[0].amount"),
        ({"lines": [{"amount": Decimal(1)}]}, "lines[0].description"),
        ({"lines": [{"amount": Decimal(1), "item": "Services!"}]}, "lines[0].item"),
    ],
)
def test_what_cannot_be_booked_is_refused_by_name_before_anything_is_sent(
    site: Site, change: Mapping[str, object], names: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        site.book("purchase", {**AMOUNT, **change})
    assert list(refusal.value.fields) == [names]
    assert not site.http.talks


def test_a_subscription_needs_a_plan(site: Site) -> None:
    with pytest.raises(InvalidInput, match="plan_code"):
        site.book("subscription", AMOUNT)


def test_an_answer_that_was_lost_is_looked_up_and_nothing_is_booked_twice(site: Site) -> None:
    site.fault("timeout_after_work")
    with pytest.raises(UnknownOutcome):
        site.book("subscription", PLAN)
    assert site.invoices() == 1
    output = site.book("subscription", PLAN, look_first=True)
    check(site)
    assert output.found
    assert output.data["number"] == "1001"
    assert output.amount == Decimal("3600.00")
    assert site.invoices() == 1
    assert len(site.http.sent("POST")) == 1


def test_a_request_that_never_arrived_is_booked_by_the_next_try(site: Site) -> None:
    site.fault("500")
    with pytest.raises(UnknownOutcome):
        site.book("purchase", AMOUNT)
    assert site.invoices() == 0
    output = site.book("purchase", AMOUNT, look_first=True)
    check(site)
    assert output.found is False
    assert site.invoices() == 1


def test_a_look_up_that_fails_leaves_the_outcome_unknown(site: Site) -> None:
    site.book("purchase", AMOUNT)
    for name in ("throttle", "503", "500"):
        site.fault(name, path="/accounts")
        with pytest.raises(UnknownOutcome):
            site.book("purchase", AMOUNT, look_first=True)
    check(site)
    assert site.book("purchase", AMOUNT, look_first=True).found


def test_a_subscription_without_an_invoice_is_found_too(site: Site) -> None:
    site.book("subscription", PLAN)
    for invoice in site.http.books.all("invoices"):
        site.http.books.put("invoices", str(invoice["id"]), {**invoice, "po_number": "another"})
    output = site.book("subscription", PLAN, look_first=True)
    check(site)
    assert output.found
    assert output.data["number"] == NUMBER
    assert "/subscriptions/su" in str(output.data["url"])


def test_the_same_key_is_answered_with_the_first_invoice(site: Site) -> None:
    site.book("purchase", AMOUNT)
    output = site.book("purchase", AMOUNT)
    assert output.found
    assert site.http.talks[-1].answer.headers["idempotency-prior"] == "true"
    assert site.invoices() == 1
    site.book("purchase", AMOUNT, key="key-2", number="CRM-ANOTHER")
    assert site.invoices() == 2


def test_an_unknown_plan_fails_in_recurlys_words(site: Site) -> None:
    with pytest.raises(PermanentError, match=r"plan_code is invalid"):
        site.book("subscription", {**PLAN, "plan_code": "gold"})
    check(site)
    assert site.invoices() == 0


def test_a_wrong_key_asks_for_a_person() -> None:
    site = Site(credentials={"api_key": "wrong"})
    with pytest.raises(AuthError):
        site.book("purchase", AMOUNT)
    check(site)
    with pytest.raises(AuthError, match="no API key"):
        Site(credentials={}).book("purchase", AMOUNT)


def test_throttling_waits_until_the_window_moves_on(site: Site) -> None:
    site.fault("throttle")
    with pytest.raises(RetryableError) as refusal:
        site.book("purchase", AMOUNT)
    assert not isinstance(refusal.value, UnknownOutcome)
    assert refusal.value.retry_after == timedelta(minutes=5)
    check(site)


def test_two_changes_at_once_keep_the_key(site: Site) -> None:
    site.fault("lock")
    with pytest.raises(UnknownOutcome):
        site.book("purchase", AMOUNT)
    check(site)


def test_a_refused_connection_is_tried_again(site: Site) -> None:
    site.http.lost = 1
    with pytest.raises(RetryableError):
        site.book("purchase", AMOUNT)
    assert site.invoices() == 0


def _error(status: int, body: object, *, writes: bool = True) -> RemoteError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = Response(status=status, headers={}, content=content)
    try:
        document = response.json()
    except ValueError:
        document = None
    return api.error_of(response, document, "Recurly, POST /purchases", NOW, writes=writes)


def _typed(kind: str, **more: object) -> dict[str, object]:
    return {"error": {"type": kind, "message": "No.", **more}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, _typed("bad_request"), PermanentError),
        (400, _typed("invalid_content_type"), PermanentError),
        (401, _typed("unauthorized"), AuthError),
        (403, _typed("invalid_permissions"), AuthError),
        (400, _typed("invalid_api_key"), AuthError),
        (402, _typed("missing_feature"), PermanentError),
        (404, _typed("not_found"), PermanentError),
        (406, _typed("unknown_api_version"), PermanentError),
        (409, _typed("simultaneous_request"), UnknownOutcome),
        (422, _typed("simultaneous_request"), UnknownOutcome),
        (422, _typed("immutable_subscription"), PermanentError),
        (422, _typed("tax_service_error"), RetryableError),
        (429, _typed("rate_limited"), RetryableError),
        (500, _typed("internal_server_error"), UnknownOutcome),
        (503, _typed("service_not_available"), RetryableError),
        (422, _typed("transaction", transaction_error={"category": "hard"}), PermanentError),
        (422, _typed("transaction", transaction_error={"category": "soft"}), PermanentError),
        (422, _typed("transaction", transaction_error={"category": "unknown"}), UnknownOutcome),
        (422, {"type": "validation", "message": "bare"}, PermanentError),
        (502, b"<html>bad gateway</html>", UnknownOutcome),
        (503, b"busy", RetryableError),
        (504, b"", UnknownOutcome),
        (429, b"", RetryableError),
        (401, b"", AuthError),
        (418, b"[1, 2]", PermanentError),
    ],
)
def test_an_error_is_judged_by_its_type_first_and_its_status_second(
    status: int, body: object, kind: type[RemoteError]
) -> None:
    error = _error(status, body)
    assert type(error) is kind
    assert error.status == status


def test_nothing_is_undecided_about_a_read() -> None:
    assert type(_error(500, b"", writes=False)) is RetryableError
    assert type(_error(409, _typed("simultaneous_request"), writes=False)) is RetryableError


def test_an_account_made_meanwhile_is_used_on_the_next_try() -> None:
    taken = [{"param": "account.code", "message": "has already been taken"}]
    assert type(_error(422, _typed("validation", params=taken))) is RetryableError


def test_the_advice_about_a_card_is_kept_for_the_person() -> None:
    declined = {"category": "hard", "message": "Declined.", "merchant_advice": "Ask for another."}
    error = _error(422, _typed("transaction", transaction_error=declined))
    assert str(error) == (
        "Recurly, POST /purchases answered 422: [transaction] No.; Ask for another."
    )
