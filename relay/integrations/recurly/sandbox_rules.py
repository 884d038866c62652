"""What the sandbox site sells, and what it refuses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from relay.core import exact_json
from relay.core.facts import a_list, a_map, a_text
from relay.integration import SandboxRequest

CURRENCIES = ("USD", "EUR", "GBP")
LONGEST = 50
LARGEST_PRICE = 1_000_000

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Plan:
    id: str
    name: str
    price: Decimal
    months: int


PLANS: Mapping[str, Plan] = {
    "team-annual": Plan("planannual01", "Team, annual", Decimal("1200.00"), 12),
    "team-monthly": Plan("planmonthly1", "Team, monthly", Decimal("120.00"), 1),
}
ITEMS: Mapping[str, str] = {"services": "Services", "setup": "Set-up"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    description: str
    price: Decimal
    quantity: int
    plan: str | None = None

    @property
    def amount(self) -> Decimal:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A purchase that passed: `plans` are those of its lines that start a subscription."""

    account: Json
    account_code: str
    currency: str
    po_number: str
    net_terms: int
    lines: Sequence[Line]

    @property
    def plans(self) -> Sequence[Line]:
        return [line for line in self.lines if line.plan]


class Refused(Exception):
    """The site's no: a status and an error as Recurly words it, wrapped in `error`."""

    def __init__(self, status: int, kind: str, message: str, params: Sequence[Json] = ()) -> None:
        super().__init__(message)
        self.status = status
        problem = {"type": kind, "message": message} | ({"params": list(params)} if params else {})
        self.document: Json = {"error": problem}


def invalid(param: str, message: str) -> Refused:
    return Refused(422, "validation", f"{param} {message}", [{"param": param, "message": message}])


def declined(category: str, code: str, advice: str) -> Refused:
    """A card that was not charged, or nobody knows."""
    refused = Refused(422, "transaction", "The transaction failed.")
    error = {
        "object": "transaction_error",
        "category": category,
        "code": code,
        "message": "Your payment could not be taken.",
        "merchant_advice": advice,
    }
    refused.document = {"error": {**a_map(refused.document["error"]), "transaction_error": error}}
    return refused


def body(request: SandboxRequest) -> Json:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(400, "invalid_content_type", "The content type must be application/json.")
    try:
        given = exact_json.loads(request.body)
    except ValueError:
        given = None
    if not isinstance(given, Mapping):
        raise Refused(400, "bad_request", "The body is not a JSON object.")
    return given


def purchase(given: Json) -> Wanted:
    currency = _currency(given)
    account = a_map(given.get("account"))
    plans = [
        _plan(a_map(each), currency, f"subscriptions[{place}].")
        for place, each in enumerate(a_list(given.get("subscriptions")))
    ]
    lines = [
        _line(a_map(each), currency, f"line_items[{place}].")
        for place, each in enumerate(a_list(given.get("line_items")))
    ]
    if not plans and not lines:
        raise invalid("base", "must contain at least one subscription or line item")
    return _wanted(given, account, currency, [*plans, *lines])


def subscription(given: Json) -> Wanted:
    currency = _currency(given)
    code = a_text(given.get("plan_code"))
    if code is not None and code not in PLANS:
        raise Refused(404, "not_found", f"Couldn't find Plan with code = {code}")
    return _wanted(given, a_map(given.get("account")), currency, [_plan(given, currency, "")])


def pending(given: Json, code: str, waiting: Sequence[Json]) -> Wanted:
    """An invoice of what waits on an account."""
    currency = _currency(given)
    lines = [_line({**each, "type": "charge", "currency": currency}, currency, "")
             for each in waiting]  # fmt: skip
    if not lines:
        raise invalid("base", "has no charges to invoice")
    return _wanted(given, {"code": code}, currency, lines)


def account_details(given: Json, prefix: str) -> str:
    """The account's code, its details checked."""
    code = a_text(given.get("code"))
    if not code:
        raise invalid(f"{prefix}code", "can't be blank")
    if len(code) > LONGEST:
        raise invalid(f"{prefix}code", f"is too long (maximum is {LONGEST} characters)")
    email = given.get("email")
    if email is not None and not (isinstance(email, str) and _EMAIL.fullmatch(email)):
        raise invalid(f"{prefix}email", "is not a valid email address")
    country = a_text(a_map(given.get("address")).get("country"))
    if country is not None and not re.fullmatch(r"[A-Z]{2}", country):
        raise invalid(f"{prefix}address.country", "is not a two-letter code")
    return code


def _wanted(given: Json, account: Json, currency: str, lines: Sequence[Line]) -> Wanted:
    if given.get("collection_method", "automatic") != "manual":
        # A charge needs a card, and no account of this site has one.
        raise invalid("account.billing_info", "can't be blank")
    po_number = a_text(given.get("po_number")) or ""
    if len(po_number) > LONGEST:
        raise invalid("po_number", f"is too long (maximum is {LONGEST} characters)")
    net_terms = given.get("net_terms", 0)
    if not isinstance(net_terms, int) or isinstance(net_terms, bool) or net_terms < 0:
        raise invalid("net_terms", "must be greater than or equal to 0")
    return Wanted(
        account=account,
        account_code=account_details(account, "account."),
        currency=currency,
        po_number=po_number,
        net_terms=net_terms,
        lines=lines,
    )


def _currency(given: Json) -> str:
    currency = a_text(given.get("currency"))
    if not currency:
        raise invalid("currency", "can't be blank")
    if currency not in CURRENCIES:
        raise invalid("currency", "is not enabled for this site")
    return currency


def _plan(given: Json, currency: str, prefix: str) -> Line:
    code = a_text(given.get("plan_code"))
    if code is None or code not in PLANS:
        raise invalid(f"{prefix}plan_code", "is invalid" if code else "can't be blank")
    known = PLANS[code]
    price = known.price
    if given.get("unit_amount") is not None:
        price = _price(given["unit_amount"], f"{prefix}unit_amount")
    quantity = _quantity(given, prefix)
    return Line(description=known.name, price=price, quantity=quantity, plan=code)


def _line(given: Json, currency: str, prefix: str) -> Line:
    if given.get("type") not in ("charge", "credit"):
        raise invalid(f"{prefix}type", "is not included in the list")
    if given.get("currency") != currency:
        raise invalid(f"{prefix}currency", "must be the purchase's currency")
    item, description = a_text(given.get("item_code")), a_text(given.get("description"))
    if item and description:
        raise invalid(f"{prefix}description", "must be blank when item_code is given")
    if item and item not in ITEMS:
        raise invalid(f"{prefix}item_code", "is invalid")
    return Line(
        description=description or ITEMS.get(item or "", ""),
        price=_price(given.get("unit_amount"), f"{prefix}unit_amount"),
        quantity=_quantity(given, prefix),
    )


def _price(value: object, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise invalid(name, "is not a number")
    if not 0 <= value <= LARGEST_PRICE:
        raise invalid(name, f"must be between 0 and {LARGEST_PRICE}")
    return Decimal(value)


def _quantity(given: Json, prefix: str) -> int:
    quantity = given.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 0:
        raise invalid(f"{prefix}quantity", "must be a whole number from 0")
    return quantity
