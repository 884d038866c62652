"""What cannot be booked is said in words a bookkeeper understands, and never booked twice."""

from collections.abc import Mapping

import pytest

from relay.storage.sandbox import StoredBooks
from tests.scenarios.house import House

RULE = """\
version: 1
rules:
  - id: {id}
    name: Book whatever stands there
    when: {{ changed: status, list: {list}, to: Deal Won }}
    do:
      - use: {use}
        with: {{ {params} }}
    tests:
      - name: another status is nothing
        given: {{ changed: status, to: Lead }}
        expect: []
"""
PARAMS = {
    "quickbooks": ("quickbooks.invoice", "Deals",
                   'customer: "${account.name}",'
                   ' amount: "${item.receipt_no}"'),
    "recurly": ("recurly.purchase", "Deals",
                'account_code: "${account.id}",'
                ' amount: "${item.receipt_no}", currency: USD'),
    "zuora": ("zuora.order", "Enterprise Deals",
              'order_date: "${date(event.at)}", rate_plans: "${item.rate_plans}"'),
}  # fmt: skip
# The amount as somebody wrote it, and how the run ends; None: booked.
AMOUNTS: Mapping[str, Mapping[str, str | None]] = {
    "quickbooks": {
        "0": "above zero",
        "-12.50": "above zero",
        "": "amount is missing",
        "a lot": "not a number",
        "1000000000000": "too large",
        "10.005": None,
        "12.50": None,
    },
    "recurly": {
        "0": "above zero",
        "-12.50": "above zero",
        "": "missing",
        "a lot": "not",
        "1000000000000": "too large",
        "10.005": "more than 2 decimal places",
        "12.50": None,
    },
}


def _only(house: House, *rules: str) -> None:
    house.apply({"rules/deal-won.yaml": "version: 1\nrules:\n" + "".join(rules)})


def _rule(provider: str, id: str = "book", more: str = "") -> str:
    use, in_list, params = PARAMS[provider]
    text = RULE.format(id=id, list=in_list, use=use, params=params + more)
    return text.partition("rules:\n")[2]


@pytest.mark.parametrize("provider", AMOUNTS)
def test_an_amount_that_cannot_be_booked_says_so(lite: House, provider: str) -> None:
    _only(lite, _rule(provider))
    like = ("Deals", "Larkspur annual plan")
    for number, amount in enumerate(AMOUNTS[provider]):
        lite.another(*like, f"Deal {number}")
        if amount:
            lite.set("Deals", f"Deal {number}", "Receipt No", amount)
        lite.set("Deals", f"Deal {number}", "Status", "Deal Won")
    lite.settle()
    runs = {run.about: run for run in lite.runs("book")}
    for number, (amount, said) in enumerate(AMOUNTS[provider].items()):
        run = runs[f"Deal {number}"]
        if said is None:
            assert run.state == "succeeded", (amount, run.reason)
        else:
            assert run.state == "failed", amount
            assert said in run.reason, (amount, run.reason)
    good = [amount for amount, said in AMOUNTS[provider].items() if said is None]
    assert len(lite.books(provider)) == len(good)


@pytest.mark.parametrize(
    ("provider", "said"),
    [("quickbooks", "no account"), ("recurly", "no account"), ("zuora", "no account")],
)
def test_a_deal_without_an_account_is_for_a_person(lite: House, provider: str, said: str) -> None:
    _only(lite, _rule(provider))
    in_list = PARAMS[provider][1]
    like = "Granite rollout" if provider == "zuora" else "Larkspur annual plan"
    lite.another(in_list, like, "Nobody's", account=None)
    if provider != "zuora":
        lite.set(in_list, "Nobody's", "Receipt No", "12.50")
    lite.set(in_list, "Nobody's", "Status", "Deal Won")
    lite.settle()
    (run,) = lite.runs("book")
    assert run.state == "failed"
    assert said in run.reason, run.reason
    assert lite.books(provider) == []


@pytest.mark.parametrize("provider", ["recurly", "zuora"])
def test_a_plan_that_nobody_sells_is_named(lite: House, provider: str) -> None:
    if provider == "recurly":
        text = _rule(provider).replace('amount: "${item.receipt_no}"', "plan_code: platinum")
    else:
        text = _rule(provider).replace('"${item.rate_plans}"', "[PRP-platinum]")
    _only(lite, text)
    deal = ("Deals", "Larkspur annual plan")
    lite.set(*(deal if provider == "recurly" else ("Enterprise Deals", "Granite rollout")),
              "Status", "Deal Won")  # fmt: skip
    lite.settle()
    (run,) = lite.runs("book")
    assert run.state == "failed"
    assert "plan" in run.reason.lower()
    assert lite.books(provider) == []


def test_a_closed_period_and_an_archived_customer_say_what_to_do(lite: House) -> None:
    _only(lite, _rule("quickbooks"))
    like = ("Deals", "Northwind onboarding")
    lite.set(*like, "Receipt No", "5")
    with lite.runtime.db.write() as conn:
        books = StoredBooks(conn, lite.made.org, "quickbooks")
        books.put("company", "1", {"closed_until": "2999-12-31"})
    lite.set(*like, "Status", "Deal Won")
    lite.settle()
    (run,) = lite.runs("book")
    assert "choose a later date, or open the period in QuickBooks" in run.reason
    with lite.runtime.db.write() as conn:
        books = StoredBooks(conn, lite.made.org, "quickbooks")
        books.put("company", "1", {})
        (customer,) = books.all("Customer")
        books.put("Customer", str(customer["Id"]), {**customer, "Active": False})
    lite.set(*like, "Status", "Deal Lost")
    lite.set(*like, "Status", "Deal Won")
    lite.settle()
    assert "make it active" in lite.runs("book")[-1].reason
    assert lite.books("quickbooks") == []


@pytest.mark.parametrize("provider", PARAMS)
def test_a_deal_won_by_two_rules_and_won_again_is_one_document_for_each_booking(
    lite: House, provider: str
) -> None:
    """Two sources, two rules, one second: the second finds it booked. Another booking of the same
    deal has a name of its own."""
    rest = _rule(provider, "rest", ", booking: second-half")
    _only(lite, _rule(provider), _rule(provider, "again"), rest)
    deal = ("Deals", "Northwind onboarding")
    if provider == "zuora":
        deal = ("Enterprise Deals", "Granite rollout")
    else:
        lite.set(*deal, "Receipt No", "12.50")
    for status in ("Deal Won", "Deal Lost", "Deal Won"):
        lite.set(*deal, "Status", status)
        lite.settle()
    assert len(lite.books(provider)) == 2
    assert {row.label for row in lite.bookings()} == {"sale", "second-half"}
    first, *later = lite.runs("book")
    assert sorted([first.state, lite.runs("again")[0].state]) == ["skipped", "succeeded"]
    assert [run.state for run in later] == ["skipped"]
    assert later[0].reason.startswith("already booked as ")
