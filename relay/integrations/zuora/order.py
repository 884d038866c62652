"""From a rule's parameters and the deal's records to the body of `POST /v1/orders`.

developer.zuora.com, "Create an order". The contact here has a `postalCode`; that of `POST
/v1/accounts` has a `zipCode`, and each refuses the other's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from relay import people
from relay.core import options
from relay.core.errors import InvalidInput
from relay.core.facts import a_map, a_text
from relay.integration import Call, Deal

LONGEST_ACCOUNT_NUMBER = 50
LONGEST_NAME = 255
LONGEST_PERSON = 100
LONGEST_EMAIL = 80
LONGEST_PHONE = 40
MONTHS = 12
BILL_CYCLE_DAY = 1
LAST_DAY = 31
ADDRESS = ("street", "city", "state", "postcode", "country")
TRIGGERS = ("ContractEffective", "ServiceActivation", "CustomerAcceptance")

_CATALOGUE_ID = re.compile(r"[0-9a-f]{32}")
_CURRENCY = re.compile(r"[A-Z]{3}")

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be ordered, checked. `account_number` is None for the deal's own account."""

    account_number: str | None
    date: str
    rate_plans: Sequence[str]
    address: Mapping[str, str]


def read(call: Call) -> Order:
    """The checked order. Raises InvalidInput that names the parameter."""
    number = a_text(call.params.get("account_number"))
    if number is None and not a_text(call.deal.account.get("id")):
        raise _wrong("account_number", "is missing, and the deal has no account to make one from")
    return Order(
        account_number=number,
        date=_date(call.params.get("order_date")),
        rate_plans=_rate_plans(call.params.get("rate_plans"), call.connection.settings),
        address=address_of(call.params.get("address")),
    )


def own_account_number(deal: Deal) -> str:
    """The number that the deal's account has in Zuora, for ever."""
    return f"CRM-{a_text(deal.account.get('id'))}"[:LONGEST_ACCOUNT_NUMBER]


def body(order: Order, call: Call, existing: str | None) -> Json:
    """The request, for an account that exists or for a new one."""
    settings = call.connection.settings
    account: Json = (
        {"existingAccountNumber": existing}
        if existing
        else {"newAccount": new_account(call.deal, settings, order.address, "postalCode")}
    )
    return {
        "orderNumber": call.number,
        "orderDate": order.date,
        "description": call.reference[:500],
        **account,
        "subscriptions": [{"orderActions": [_create(order, settings)]}],
        "processingOptions": {
            "runBilling": options.yes(settings, "run_billing", default=True),
            "collectPayment": False,
        },
    }


def address_of(value: object) -> dict[str, str]:
    """Where the customer is, in our own words. Raises InvalidInput for others."""
    given = a_map(value)
    unknown = sorted(str(name) for name in set(given) - set(ADDRESS))
    if unknown:
        raise _wrong("address", f"has no {unknown[0]}: it has {', '.join(ADDRESS)}")
    return {name: text for name in ADDRESS if (text := a_text(given.get(name)))}


def new_account(
    deal: Deal, settings: Mapping[str, object], address: Mapping[str, str], postcode: str
) -> Json:
    """The account to make. `postcode` is what the call names it: the two ways of making an account
    differ, and each refuses the other's. Raises InvalidInput where the account has no name."""
    name = a_text(deal.account.get("name"))
    if name is None:
        raise _wrong("account_number", "is missing, and the deal's account has no name")
    currency = options.text(settings, "currency", "USD").upper()
    if not _CURRENCY.fullmatch(currency):
        raise _wrong("currency", "of the connection is a three-letter code")
    return {
        "accountNumber": own_account_number(deal),
        "crmId": a_text(deal.account.get("id")),
        "name": name[:LONGEST_NAME],
        "currency": currency,
        "billCycleDay": _whole(settings, "bill_cycle_day", BILL_CYCLE_DAY, LAST_DAY),
        "autoPay": False,
        "paymentTerm": options.text(settings, "payment_term", "Net 30"),
        "billToContact": contact(deal, settings, address, postcode),
    }


def contact(
    deal: Deal, settings: Mapping[str, object], address: Mapping[str, str], postcode: str
) -> Json:
    """The person who is billed. Zuora demands both names, so a missing one is a dash."""
    person = deal.contact
    first, last = a_text(person.get("first_name")), a_text(person.get("last_name"))
    if not (first or last):
        first, last = people.split_name(a_text(person.get("name")) or "")
    made = {
        "firstName": (first or "-")[:LONGEST_PERSON],
        "lastName": (last or "-")[:LONGEST_PERSON],
        "workEmail": _fitting(person.get("email"), LONGEST_EMAIL),
        "workPhone": _fitting(person.get("phone"), LONGEST_PHONE),
        "address1": address.get("street"),
        "city": address.get("city"),
        "state": address.get("state"),
        postcode: address.get("postcode"),
        "country": address.get("country") or options.text(settings, "country") or None,
    }
    return {name: value for name, value in made.items() if value is not None}


def check(settings: Mapping[str, object]) -> None:
    """Raises InvalidInput for settings that no booking would get through with."""
    _whole(settings, "bill_cycle_day", BILL_CYCLE_DAY, LAST_DAY)
    _whole(settings, "term_months", MONTHS, 120)
    if not _CURRENCY.fullmatch(options.text(settings, "currency", "USD").upper()):
        raise _wrong("currency", "of the connection is a three-letter code")
    if not isinstance(settings.get("rate_plans") or {}, Mapping):
        raise _wrong("rate_plans", 'of the connection is a map: {"Team": "PRP-00000001"}')


def _create(order: Order, settings: Mapping[str, object]) -> Json:
    months = _whole(settings, "term_months", MONTHS, 120)
    renews = options.yes(settings, "auto_renew", default=True)
    term: Json = {"period": months, "periodType": "Month"}
    return {
        "type": "CreateSubscription",
        "triggerDates": [{"name": name, "triggerDate": order.date} for name in TRIGGERS],
        "createSubscription": {
            "terms": {
                "initialTerm": {**term, "startDate": order.date, "termType": "TERMED"},
                "renewalTerms": [term],
                "renewalSetting": "RENEW_WITH_SPECIFIC_TERM",
                "autoRenew": renews,
            },
            "subscribeToRatePlans": [_rate_plan(plan) for plan in order.rate_plans],
        },
    }


def _rate_plan(plan: str) -> Json:
    """By its catalogue id where it looks like one, else by its number."""
    kind = "productRatePlanId" if _CATALOGUE_ID.fullmatch(plan) else "productRatePlanNumber"
    return {kind: plan}


def _rate_plans(value: object, settings: Mapping[str, object]) -> list[str]:
    """Each once, in order; a name that the connection maps is replaced by its number."""
    given = value if isinstance(value, (list, tuple)) else [value] if a_text(value) else []
    plans = [a_text(each) for each in given]
    if not plans or None in plans:
        raise _wrong("rate_plans", "is a list of at least one rate plan number")
    known = {
        str(name): a_text(number) for name, number in a_map(settings.get("rate_plans")).items()
    }
    return list(dict.fromkeys(known.get(plan or "") or plan or "" for plan in plans))


def _date(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    try:
        return date.fromisoformat(a_text(value) or "").isoformat()
    except ValueError as error:
        raise _wrong("order_date", f"is a day such as 2026-11-24, not {value!r}") from error


def _whole(settings: Mapping[str, object], name: str, default: int, most: int) -> int:
    text = options.text(settings, name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise _wrong(name, f"of the connection is a whole number from 1 to {most}")
    return int(text)


def _fitting(value: object, longest: int) -> str | None:
    """A cut address or number would be somebody else's."""
    text = a_text(value)
    return text if text and len(text) <= longest else None


def _wrong(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name} {why}", {name: [why]})
