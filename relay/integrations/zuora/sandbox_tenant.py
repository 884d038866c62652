"""The sandbox tenant's accounts, orders, subscriptions and invoices."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import unquote

from relay.core.facts import a_list, a_map, a_text
from relay.integration import Books, SandboxRequest
from relay.integrations.zuora import sandbox_rules as rules
from relay.integrations.zuora.sandbox_rules import NOT_FOUND, TAKEN, Plan, Refused

DUE_DAYS = 30

Json = Mapping[str, object]


def account(request: SandboxRequest, books: Books, key: str) -> Json:
    del request
    found = _account(books, unquote(key))
    return {"success": True, **{name: found[name] for name in _SHOWN}}


def make_account(request: SandboxRequest, books: Books, key: str) -> Json:
    del key
    given = rules.body(request)
    rules.new_account(given, "CreateAccountContact", "")
    made = _new_account(books, given)
    info = a_map(made["basicInfo"])
    return {"success": True, "accountId": info["id"], "accountNumber": info["accountNumber"]}


def order(request: SandboxRequest, books: Books, key: str) -> Json:
    del request
    found = books.get("orders", unquote(key))
    if found is None:
        raise Refused(NOT_FOUND, f"Cannot find Order '{unquote(key)}'")
    return {"success": True, "order": _shown(found)}


def subscription(request: SandboxRequest, books: Books, key: str) -> Json:
    del request
    found = books.get("subscriptions", unquote(key))
    if found is None:
        raise Refused(NOT_FOUND, f"Cannot find Subscription '{unquote(key)}'")
    return {"success": True, **found}


def invoice(request: SandboxRequest, books: Books, key: str) -> Json:
    del request
    found = books.get("invoices", unquote(key))
    if found is None:
        raise Refused(NOT_FOUND, f"Cannot find Invoice '{unquote(key)}'")
    return {"success": True, **found}


def make_order(request: SandboxRequest, books: Books, key: str) -> Json:
    """An account if it is new, a subscription for each action, and one invoice for all."""
    del key
    given = rules.body(request)
    wanted = _checked(given, books)
    payer = _payer(given, books)
    number = a_text(given.get("orderNumber")) or f"O-{books.next_id('orders'):08d}"
    numbers = [_subscribe(books, payer, plans, given) for plans in wanted]
    total = sum((plan.price for plans in wanted for plan in plans), Decimal("0.00"))
    bills = a_map(given.get("processingOptions")).get("runBilling") is True
    billed = _bill(books, payer, total, request.now) if bills else None
    info = a_map(payer["basicInfo"])
    placed = _order(given, numbers, payer, request.now)
    books.put("orders", number, {**placed, "orderNumber": number, "invoice": billed})
    return {
        "success": True,
        "orderId": _id("order", len(books.all("orders"))),
        "orderNumber": number,
        "accountId": info["id"],
        "accountNumber": info["accountNumber"],
        "status": "Completed",
        "subscriptionNumbers": numbers,
        "invoiceNumbers": [billed] if billed else [],
    }


def make_somebody_elses(request: SandboxRequest, books: Books) -> None:
    """The account of an order that asks for a new one is made just before it."""
    wanted = a_map(rules.body(request).get("newAccount"))
    if wanted and books.get("accounts", str(wanted.get("accountNumber"))) is None:
        _new_account(books, wanted)


def settle(books: Books, number: str, now: datetime) -> Json:
    """Writes a payment of the invoice's whole balance."""
    found = books.get("invoices", number) or {}
    made = f"P-{books.next_id('payments'):08d}"
    payment = {
        "id": _id("payment", int(made[2:])),
        "number": made,
        "amount": found["balance"],
        "effectiveDate": _today(now),
    }
    books.put("payments", made, payment)
    books.put("invoices", number, {**found, "balance": Decimal("0.00")})
    return payment


_SHOWN = ("basicInfo", "billingAndPayment", "billToContact", "metrics")
_HIDDEN = ("invoice", "customer")


def _checked(given: Json, books: Books) -> list[list[Plan]]:
    """The rate plans of each subscription, everything before them being in order."""
    rules.known(given, "CreateOrderRequest", "")
    rules.needed(given, ("orderDate",), "")
    rules.day(given["orderDate"], "orderDate")
    _check_number(a_text(given.get("orderNumber")), books)
    if (given.get("newAccount") is None) == (given.get("existingAccountNumber") is None):
        raise Refused(rules.BAD_VALUE, "Either newAccount or existingAccountNumber, and not both")
    rules.needed(given, ("subscriptions",), "")
    return [
        _actions(a_map(each), place) for place, each in enumerate(a_list(given["subscriptions"]))
    ]


def _check_number(number: str | None, books: Books) -> None:
    if number is None:
        return
    if len(number) > rules.LONGEST_ORDER_NUMBER or "/" in number:
        raise Refused(rules.BAD_VALUE, "'orderNumber' is too long or has a slash")
    if books.get("orders", number) is not None:
        raise Refused(TAKEN, f"Order number '{number}' is already in use.")


def _actions(given: Json, place: int) -> list[Plan]:
    rules.known(given, "CreateOrderSubscription", f"subscriptions[{place}].")
    actions = [a_map(each) for each in a_list(given.get("orderActions"))]
    rules.needed(given, ("orderActions",), f"subscriptions[{place}].")
    return [plan for action in actions for plan in _action(action)]


def _action(action: Json) -> list[Plan]:
    rules.known(action, "CreateOrderAction", "orderActions.")
    if action.get("type") != "CreateSubscription":
        raise Refused(rules.BAD_VALUE, f"This sandbox has no action {action.get('type')!r}")
    made = a_map(action.get("createSubscription"))
    terms = a_map(made.get("terms"))
    rules.known(terms, "OrderActionCreateSubscriptionTerms", "terms.")
    rules.needed(terms, ("initialTerm",), "terms.")
    for trigger in map(a_map, a_list(action.get("triggerDates"))):
        rules.day(trigger.get("triggerDate"), "triggerDate")
    return rules.plans(made, "createSubscription.")


def _payer(given: Json, books: Books) -> Json:
    existing = a_text(given.get("existingAccountNumber"))
    if existing is not None:
        return _account(books, existing)
    details = a_map(given["newAccount"])
    rules.known(details, "OrderCreateAccount", "newAccount.")
    rules.new_account(details, "OrderCreateAccountContact", "newAccount.")
    return _new_account(books, details)


def _account(books: Books, key: str) -> dict[str, object]:
    found = books.get("accounts", key)
    if found is None:
        same = [each for each in books.all("accounts") if a_map(each["basicInfo"])["id"] == key]
        found = same[0] if same else None
    if found is None:
        raise Refused(NOT_FOUND, f"Cannot find entity by key: '{key}'.")
    return found


def _new_account(books: Books, given: Json) -> dict[str, object]:
    count = books.next_id("accounts")
    number = rules.account_number(given.get("accountNumber")) or f"A{count:08d}"
    if books.get("accounts", number) is not None:
        raise Refused(TAKEN, f"The account number {number} is invalid, it is already in use.")
    currency = given["currency"]
    made: dict[str, object] = {
        "basicInfo": {
            "id": _id("account", count),
            "name": given["name"],
            "accountNumber": number,
            "crmId": given.get("crmId"),
            "status": "Active",
        },
        "billingAndPayment": {
            "billCycleDay": given["billCycleDay"],
            "currency": currency,
            "paymentTerm": given.get("paymentTerm"),
            "autoPay": False,
        },
        "billToContact": dict(a_map(given["billToContact"])),
        "metrics": {"balance": Decimal("0.00"), "currency": currency},
    }
    books.put("accounts", number, made)
    return made


def _subscribe(books: Books, payer: Json, plans: Sequence[Plan], given: Json) -> str:
    count = books.next_id("subscriptions")
    number, info = f"A-S{count:08d}", a_map(payer["basicInfo"])
    document = {
        "id": _id("subscription", count),
        "subscriptionNumber": number,
        "accountId": info["id"],
        "accountNumber": info["accountNumber"],
        "accountName": info["name"],
        "status": "Active",
        "contractEffectiveDate": given["orderDate"],
        "ratePlans": [{"ratePlanName": plan.name, "productRatePlanId": plan.id} for plan in plans],
    }
    books.put("subscriptions", number, document)
    return number


def _bill(books: Books, payer: Json, total: Decimal, now: datetime) -> str:
    count = books.next_id("invoices")
    number = f"INV{count:08d}"
    document = {
        "id": _id("invoice", count),
        "invoiceNumber": number,
        "accountId": a_map(payer["basicInfo"])["id"],
        "amount": total,
        "balance": total,
        "currency": a_map(payer["billingAndPayment"])["currency"],
        "invoiceDate": _today(now),
        "dueDate": (date.fromisoformat(_today(now)) + timedelta(days=DUE_DAYS)).isoformat(),
        "status": "Posted",
    }
    books.put("invoices", number, document)
    return number


def _order(given: Json, numbers: Sequence[str], payer: Json, now: datetime) -> dict[str, object]:
    info = a_map(payer["basicInfo"])
    return {
        "orderDate": given["orderDate"],
        "status": "Completed",
        "description": given.get("description"),
        "currency": a_map(payer["billingAndPayment"])["currency"],
        "existingAccountNumber": info["accountNumber"],
        "createdDate": now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "subscriptions": [{"subscriptionNumber": each} for each in numbers],
        "customer": info["name"],
    }


def _shown(document: Json) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in _HIDDEN}


def _today(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


def _id(kind: str, count: int) -> str:
    """Thirty-two hex digits, as all ids of Zuora are."""
    return f"8ad0{sum(kind.encode()):04x}{count:024x}"
