"""W4: what is paid at a provider sets date, amount and status on the very item that was booked."""

import pytest

from tests.scenarios.house import House

DEALS = {
    "quickbooks": ("Deals", "Northwind onboarding", "1250"),
    "recurly": ("Deals", "Larkspur annual plan", "14400"),
    "zuora": ("Enterprise Deals", "Granite rollout", "30000"),
}
INVOICE = """\
version: 1
rules:
  - id: deal-won-receipt
    name: Book a won deal as an invoice
    when: { changed: status, list: Deals, to: Deal Won }
    if: item.plan == "one-off" && item.amount != null
    do:
      - use: quickbooks.invoice
        with: { customer: "${account.name}", email: "${contact.email}", amount: "${item.amount}" }
    tests:
      - name: another plan is not for QuickBooks
        given: { changed: status, to: Deal Won, item: { plan: annual, amount: 5 } }
        expect: []
        ends: filtered
"""


@pytest.mark.parametrize("provider", DEALS)
def test_what_is_paid_there_closes_the_deal_here(house: House, provider: str) -> None:
    in_list, deal, amount = DEALS[provider]
    if provider == "quickbooks":  # a sales receipt is paid when it is made
        house.apply({"rules/deal-won.yaml": INVOICE})
    _twin(house, in_list, deal)
    house.set(in_list, deal, "Status", "Deal Won")
    house.settle()
    (document,) = house.books(provider)
    house.pay(provider, document.id)
    house.settle()
    shown = house.item(in_list, deal)["shown"]
    assert (shown["Status"], float(shown["Paid Amount"])) == ("Paid", float(amount))
    assert shown["Paid Date"]
    assert house.item(in_list, "Twin")["shown"]["Status"] == "Negotiation"
    assert len(house.books(provider)) == 1


def test_a_payment_without_our_number_is_for_the_one_open_deal_of_that_email(house: House) -> None:
    house.pay_elsewhere("ben@larkspur.example", "77.10")
    house.settle()
    shown = house.item("Deals", "Larkspur annual plan")["shown"]
    assert (shown["Status"], float(shown["Paid Amount"])) == ("Paid", 77.1)


def test_a_payment_that_could_be_for_two_deals_is_for_neither(small_house: House) -> None:
    _twin(small_house, "Deals", "Larkspur annual plan")
    small_house.pay_elsewhere("ben@larkspur.example", "77.10")
    small_house.settle()
    (run,) = small_house.runs("invoice-paid")
    assert run.state == "failed"
    assert "2 open items of Deals belong to ben@larkspur.example" in run.reason
    assert small_house.item("Deals", "Twin")["shown"]["Status"] == "Negotiation"


def _twin(house: House, in_list: str, deal: str) -> None:
    """Another open deal of the same customer: an e-mail alone could not tell them apart."""
    its, row = house.its_list(in_list), house.item(in_list, deal)
    status = next(one for one in its["fields"] if one["name"] == "Status")
    option = next(one["id"] for one in status["listOptions"] if one["display"] == "Negotiation")
    house.api(
        "POST",
        f"/lists/{its['id']}/listitems",
        json={
            "name": "Twin",
            "accountId": row["accountId"],
            "contactIds": row["contactIds"],
            "fieldValues": {status["id"]: [{"raw": option}]},
        },
    )
