"""The QuickBooks sandbox says no as the real one does, in Intuit's own shapes."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import pytest

from relay.core.errors import AuthError, PermanentError, RemoteError, RetryableError, UnknownOutcome
from relay.core.facts import a_list, a_map
from relay.http import Response
from relay.integrations.quickbooks.faults import Refused, error_of, fault_in
from relay.integrations.quickbooks.sandbox import REALM
from tests.contracts.quickbooks_company import PUBLISHED, Company

LINE = {
    "Amount": Decimal("10.00"),
    "DetailType": "SalesItemLineDetail",
    "SalesItemLineDetail": {"ItemRef": {"value": "1"}},
}
SALE = {"CustomerRef": {"value": "1"}, "Line": [LINE]}


@pytest.fixture
def company() -> Company:
    """With one customer, and a token to ask with."""
    made = Company()
    made.book("invoice", {"customer": "Acme Ltd", "email": "ann@acme.test", "amount": 1})
    return made


def _ask(
    company: Company,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    json: object = None,
    token: str | None = None,
) -> Response:
    bearer = company.kept.values["access_token"] if token is None else token
    return asyncio.run(
        company.http.request(
            method,
            f"https://sandbox.test/v3/company/{path}",
            params={"minorversion": "75"} | dict(params or {}),
            headers={"authorization": f"Bearer {bearer}"},
            json=json,
        )
    )


def _post(company: Company, entity: str, body: object, **params: str) -> Response:
    return _ask(company, "POST", f"{REALM}/{entity}", params=params, json=body)


def _query(company: Company, statement: str) -> Response:
    answer = _ask(company, "GET", f"{REALM}/query", params={"query": statement})
    PUBLISHED.check(company.http.talks[-1])
    return answer


def _code(answer: Response) -> str:
    [error] = a_list(a_map(a_map(answer.json())["Fault"])["Error"])
    return str(a_map(error)["code"])


@pytest.mark.parametrize(
    ("entity", "change", "code"),
    [
        ("invoice", {"Line": [{"Amount": 1}]}, "2020"),
        ("invoice", {"Line": []}, "2020"),
        ("invoice", {"CustomerRef": {"value": "77"}}, "2500"),
        ("invoice", {"Colour": "red"}, "2010"),
        ("invoice", {"DocNumber": "x" * 22}, "2050"),
        ("invoice", {"TxnDate": "2026-02-30"}, "2170"),
        ("invoice", {"CurrencyRef": {"value": "EUR"}}, "6000"),
        ("invoice", {"Line": [LINE | {"Amount": -5}]}, "6000"),
        ("invoice", {"Line": [LINE | {"Amount": "10"}]}, "2010"),
        (
            "estimate",
            {"Line": [LINE | {"SalesItemLineDetail": {"ItemRef": {"value": "99"}}}]},
            "2500",
        ),
        (
            "salesreceipt",
            {
                "Line": [
                    LINE
                    | {
                        "SalesItemLineDetail": {
                            "ItemRef": {"value": "1"},
                            "Qty": 3,
                            "UnitPrice": Decimal("3.33"),
                        }
                    }
                ]
            },
            "6070",
        ),
    ],
)
def test_a_document_that_quickbooks_would_refuse_is_refused(
    company: Company, entity: str, change: dict[str, object], code: str
) -> None:
    before = len(company.documents())
    answer = _post(company, entity, SALE | change)
    assert (answer.status, _code(answer)) == (400, code)
    assert len(company.documents()) == before
    assert answer.headers["intuit_tid"]


def test_an_invoice_needs_a_customer(company: Company) -> None:
    assert _code(_post(company, "invoice", {"Line": [LINE]})) == "2020"


def test_a_number_is_free_once_for_each_kind_and_made_where_there_is_none(
    company: Company,
) -> None:
    assert _post(company, "invoice", SALE | {"DocNumber": "7"}).status == 200
    assert _code(_post(company, "invoice", SALE | {"DocNumber": "7"})) == "6140"
    assert _post(company, "estimate", SALE | {"DocNumber": "7"}).status == 200
    made = a_map(_post(company, "invoice", SALE).json()["Invoice"])
    assert made["DocNumber"] == "1001"


@pytest.mark.parametrize("kind", ["Customer", "Vendor", "Employee"])
def test_a_name_is_unique_over_customers_vendors_and_employees(company: Company, kind: str) -> None:
    company.books.put(kind, "50", {"Id": "50", "DisplayName": "Beta"})
    assert _code(_post(company, "customer", {"DisplayName": "BETA"})) == "6240"


@pytest.mark.parametrize("name", ["Acme: East", "Acme\tEast", ""])
def test_a_name_without_use_is_refused(company: Company, name: str) -> None:
    assert _post(company, "customer", {"DisplayName": name}).status == 400


def test_a_repeated_request_id_gets_the_first_answer(company: Company) -> None:
    first = _post(company, "invoice", SALE, requestid="r1")
    second = _post(company, "invoice", SALE | {"PrivateNote": "other"}, requestid="r1")
    assert first.json()["Invoice"] == second.json()["Invoice"]
    assert len(company.documents()) == 2
    assert _code(_post(company, "invoice", SALE, requestid="r" * 51)) == "2010"


def test_without_a_token_nothing_is_told(company: Company) -> None:
    for token in ("", "made-up"):
        answer = _ask(company, "GET", f"{REALM}/query", params={"query": "x"}, token=token)
        assert (answer.status, _code(answer)) == (401, "3200")
    other = _ask(company, "GET", "12/query", params={"query": "select * from Item"})
    assert (other.status, _code(other)) == (403, "3100")


@pytest.mark.parametrize("minor", ["74", "x", ""])
def test_an_older_minor_version_is_refused(company: Company, minor: str) -> None:
    answer = _ask(company, "GET", f"{REALM}/customer/1", params={"minorversion": minor})
    assert answer.status == 400


def test_what_is_not_there_is_610(company: Company) -> None:
    answer = _ask(company, "GET", f"{REALM}/invoice/99")
    assert (answer.status, _code(answer)) == (400, "610")


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("select * from Item", ["Services", "Training"]),
        ("SELECT * FROM item WHERE Name = 'Training'", ["Training"]),
        ("select * from Item where Name in ('Training', 'Other')", ["Training"]),
        ("select * from Item where Name like '%vic%' and Active = true", ["Services"]),
        ("select * from Item startposition 2 maxresults 5", ["Training"]),
        ("select * from Item where Name like 'Serv%s'", ["Services"]),
    ],
)
def test_a_query_finds(company: Company, statement: str, names: list[str]) -> None:
    answer = _query(company, statement)
    assert [a_map(item)["Name"] for item in answer.json()["QueryResponse"]["Item"]] == names


def test_a_query_that_finds_nothing_is_an_empty_envelope(company: Company) -> None:
    assert _query(company, "select * from Item where Name = 'x'").json()["QueryResponse"] == {}
    assert _query(company, "select count(*) from Item").json()["QueryResponse"] == {"totalCount": 2}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("update Item", "4000"),
        ("select Name from Item", "4000"),
        ("select * from Item where Name = 'Adam''s'", "4000"),
        ("select * from Item where Name = 'a' or Name = 'b'", "4000"),
        ("select * from Item where Name = 'Ann\u2019s'", "4000"),
        ("select * from Item where Name = unquoted", "4000"),
        ("select * from Item; drop", "4000"),
        ("select * from Item where Name = 'open", "4000"),
        ("select * from Item startposition 0", "4001"),
        ("select * from Item maxresults 1001", "4001"),
        ("select * from Vendor", "4001"),
        ("select * from Invoice where PrivateNote = 'x'", "4001"),
    ],
)
def test_a_query_that_quickbooks_cannot_read_is_refused(
    company: Company, statement: str, code: str
) -> None:
    assert _code(_query(company, statement)) == code


def test_bytes_that_are_not_utf8_are_an_unsupported_operation(company: Company) -> None:
    answer = asyncio.run(
        company.http.request(
            "POST",
            f"https://sandbox.test/v3/company/{REALM}/invoice",
            params={"minorversion": "75"},
            headers={"authorization": f"Bearer {company.kept.values['access_token']}"},
            content=b'{"DocNumber":"\xff"}',
        )
    )
    assert (answer.status, _code(answer)) == (500, "500")


@pytest.mark.parametrize(
    ("form", "user", "status"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "sandbox-client", 400),
        ({"grant_type": "password"}, "sandbox-client", 400),
        ({"grant_type": "refresh_token"}, "stranger", 401),
    ],
)
def test_tokens_are_for_those_who_may_have_them(
    company: Company, form: dict[str, str], user: str, status: int
) -> None:
    url = "https://sandbox.test/oauth2/v1/tokens/bearer"
    auth = (user, "sandbox-client-secret")
    assert asyncio.run(company.http.request("POST", url, form=form, auth=auth)).status == status


JSON = "application/json"
FAULT = '{"Fault":{"Error":[{"Message":"%s","Detail":"","code":"%s"}],"type":"x"}}'


@pytest.mark.parametrize(
    ("status", "body", "writes", "kind"),
    [
        (429, "", True, RetryableError),
        (403, '<Fault type="SERVICE"><Error code="3001"/></Fault>', True, RetryableError),
        (200, '{"QueryResponse":{"Fault":{"Error":[{"code":"3001"}]}}}', False, RetryableError),
        (403, FAULT % ("", "120"), True, AuthError),
        (400, FAULT % ("", "6190"), True, AuthError),
        (401, '{"fault":{"error":[{"message":"m","code":"003200"}]}}', False, AuthError),
        (500, FAULT % ("Unsupported Operation", "500"), True, Refused),
        (500, FAULT % ("oops", "10000"), True, UnknownOutcome),
        (503, "<html>", True, UnknownOutcome),
        (504, "", False, RetryableError),
        (400, FAULT % ("An Unexpected Internal Error", "6000"), True, UnknownOutcome),
        (400, FAULT % ("GST/HST rate", "6000"), True, Refused),
        (400, FAULT % ("closed", "6210"), True, Refused),
        (400, FAULT % ("", "610"), False, Refused),
        (404, "nothing", True, Refused),
        (302, "", True, Refused),
    ],
)
def test_each_refusal_is_of_its_class(
    status: int, body: str, writes: bool, kind: type[RemoteError]
) -> None:
    response = Response(status=status, headers={"content-type": JSON}, content=body.encode())
    try:
        document = response.json()
    except ValueError:
        document = None
    error = error_of(response, fault_in(response, document), "QuickBooks", writes=writes)
    assert type(error) is kind
    assert issubclass(Refused, PermanentError)
