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
def test_an_amount_that_cannot_be_booked_says_so(small_house: House, provider: str) -> None:
    _only(small_house, _rule(provider))
    like = ("Deals", "Larkspur annual plan")
    for number, amount in enumerate(AMOUNTS[provider]):
        small_house.another(*like, f"Deal {number}")
        if amount:
            small_house.set("Deals", f"Deal {number}", "Receipt No", amount)
        small_house.set("Deals", f"Deal {number}", "Status", "Deal Won")
    small_house.settle()
    runs = {run.about: run for run in small_house.runs("book")}
    for number, (amount, said) in enumerate(AMOUNTS[provider].items()):
        run = runs[f"Deal {number}"]
        if said is None:
            assert run.state == "succeeded", (amount, run.reason)
        else:
            assert run.state == "failed", amount
            assert said in run.reason, (amount, run.reason)
    good = [amount for amount, said in AMOUNTS[provider].items() if said is None]
    assert len(small_house.books(provider)) == len(good)


@pytest.mark.parametrize(
    ("provider", "said"),
    [("quickbooks", "no account"), ("recurly", "no account"), ("zuora", "no account")],
)
def test_a_deal_without_an_account_is_for_a_person(
    small_house: House, provider: str, said: str
) -> None:
    _only(small_house, _rule(provider))
    in_list = PARAMS[provider][1]
    like = "Granite rollout" if provider == "zuora" else "Larkspur annual plan"
    small_house.another(in_list, like, "Nobody's", account=None)
    if provider != "zuora":
        small_house.set(in_list, "Nobody's", "Receipt No", "12.50")
    small_house.set(in_list, "Nobody's", "Status", "Deal Won")
    small_house.settle()
    (run,) = small_house.runs("book")
    assert run.state == "failed"
    assert said in run.reason, run.reason
    assert small_house.books(provider) == []


@pytest.mark.parametrize("provider", ["recurly", "zuora"])
def test_a_plan_that_nobody_sells_is_named(small_house: House, provider: str) -> None:
    if provider == "recurly":
        text = _rule(provider).replace('amount: "${item.receipt_no}"', "plan_code: platinum")
    else:
        text = _rule(provider).replace('"${item.rate_plans}"', "[PRP-platinum]")
    _only(small_house, text)
    deal = ("Deals", "Larkspur annual plan")
    small_house.set(*(deal if provider == "recurly" else ("Enterprise Deals", "Granite rollout")),
              "Status", "Deal Won")  # fmt: skip
    small_house.settle()
    (run,) = small_house.runs("book")
    assert run.state == "failed"
    assert "plan" in run.reason.lower()
    assert small_house.books(provider) == []


def test_a_closed_period_and_an_archived_customer_say_what_to_do(small_house: House) -> None:
    _only(small_house, _rule("quickbooks"))
    like = ("Deals", "Northwind onboarding")
    small_house.set(*like, "Receipt No", "5")
    with small_house.runtime.db.write() as conn:
        books = StoredBooks(conn, small_house.made.org, "quickbooks")
        books.put("company", "1", {"closed_until": "2999-12-31"})
    small_house.set(*like, "Status", "Deal Won")
    small_house.settle()
    (run,) = small_house.runs("book")
    assert "choose a later date, or open the period in QuickBooks" in run.reason
    with small_house.runtime.db.write() as conn:
        books = StoredBooks(conn, small_house.made.org, "quickbooks")
        books.put("company", "1", {})
        (customer,) = books.all("Customer")
        books.put("Customer", str(customer["Id"]), {**customer, "Active": False})
    small_house.set(*like, "Status", "Deal Lost")
    small_house.set(*like, "Status", "Deal Won")
    small_house.settle()
    assert "make it active" in small_house.runs("book")[-1].reason
    assert small_house.books("quickbooks") == []


@pytest.mark.parametrize("provider", PARAMS)
def test_a_deal_won_by_two_rules_and_won_again_is_one_document_for_each_booking(
    small_house: House, provider: str
) -> None:
    """Two sources, two rules, one second: the second finds it booked. Another booking of the same
    deal has a name of its own."""
    rest = _rule(provider, "rest", ", booking: second-half")
    _only(small_house, _rule(provider), _rule(provider, "again"), rest)
    deal = ("Deals", "Northwind onboarding")
    if provider == "zuora":
        deal = ("Enterprise Deals", "Granite rollout")
    else:
        small_house.set(*deal, "Receipt No", "12.50")
    for status in ("Deal Won", "Deal Lost", "Deal Won"):
        small_house.set(*deal, "Status", status)
        small_house.settle()
    assert len(small_house.books(provider)) == 2
    assert {row.label for row in small_house.bookings()} == {"sale", "second-half"}
    first, *later = small_house.runs("book")
    assert sorted([first.state, small_house.runs("again")[0].state]) == ["skipped", "succeeded"]
    assert [run.state for run in later] == ["skipped"]
    assert later[0].reason.startswith("already booked as ")
