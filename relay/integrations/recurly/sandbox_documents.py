"""The sandbox site's documents as the API shows them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from relay.integrations.recurly import sandbox_rules as rules
from relay.integrations.recurly.sandbox_rules import CURRENCIES, PLANS

Json = Mapping[str, object]


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def details_of(given: Json) -> dict[str, object]:
    names = ("email", "first_name", "last_name", "company", "address")
    return {name: given[name] for name in names if given.get(name) is not None}


def invoice_of(
    wanted: rules.Wanted, payer: Json, id: str, number: str, now: datetime
) -> dict[str, object]:
    total = sum((line.amount for line in wanted.lines), Decimal("0.00"))
    return {
        "id": id,
        "uuid": uuid_of(id),
        "object": "invoice",
        "type": "charge",
        "origin": "purchase",
        "state": "pending",
        "account": _mini(payer),
        "number": number,
        "collection_method": "manual",
        "po_number": wanted.po_number,
        "net_terms": wanted.net_terms,
        "currency": wanted.currency,
        "subtotal": total,
        "discount": Decimal("0.00"),
        "tax": Decimal("0.00"),
        "total": total,
        "paid": Decimal("0.00"),
        "balance": total,
        "line_items": [_line(id, place, line, wanted) for place, line in enumerate(wanted.lines)],
        "transactions": [],
        "created_at": stamp(now),
        "updated_at": stamp(now),
        "due_at": stamp(now + timedelta(days=wanted.net_terms)),
    }


def _line(id: str, place: int, line: rules.Line, wanted: rules.Wanted) -> dict[str, object]:
    return {
        "id": f"{id[2:]}l{place}"[-13:],
        "object": "line_item",
        "type": "charge",
        "state": "invoiced",
        "origin": "plan" if line.plan else "one_time",
        "description": line.description,
        "currency": wanted.currency,
        "unit_amount": line.price,
        "quantity": line.quantity,
        "amount": line.amount,
        **({"plan_code": line.plan} if line.plan else {}),
    }


def collection_of(document: Json) -> Json:
    return {"object": "invoice_collection", "charge_invoice": document, "credit_invoices": []}


def _mini(payer: Json) -> dict[str, object]:
    names = ("id", "code", "email", "first_name", "last_name", "company")
    return {"object": "account"} | {name: payer[name] for name in names if payer.get(name)}


def plan_of(code: str) -> dict[str, object]:
    found = PLANS[code]
    return {
        "id": found.id,
        "object": "plan",
        "code": code,
        "name": found.name,
        "state": "active",
        "interval_unit": "months",
        "interval_length": found.months,
        "currencies": [{"currency": each, "unit_amount": found.price} for each in CURRENCIES],
    }


def uuid_of(id: str) -> str:
    return id.rjust(32, "0")
