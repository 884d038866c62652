"""What a notification leaves out, read from Recurly: thin JSON, and XML with an empty e-mail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote

from relay.core.errors import PermanentError
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
from relay.integration import Lookup
from relay.integrations.recurly import facts

Read = Callable[[Mapping[str, object]], dict[str, object]]


async def complete(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """The event with the facts that Recurly has of it now; what is not there, or is of another
    site than the connection's, keeps Recurly's own name and has none."""
    body = a_map(event.body)
    if "object_type" not in body:
        return [await _with_email(event, lookup)]
    kind = a_text(body.get("object_type")) or ""
    try:
        data = await _facts(kind, quote(a_text(body.get("id")) or "", safe=""), lookup)
    except PermanentError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        own = f"recurly.{kind[:60]}.{a_text(body.get('event_type'))}"
        return [replace(event, type=own, complete=True)]
    return [replace(event, data=data, complete=True)]


async def _facts(kind: str, id: str, lookup: Lookup) -> dict[str, object]:
    match kind:
        case "payment":
            return await _payment(id, lookup)
        case "subscription":
            return await _with_account(f"/subscriptions/{id}", facts.from_subscription, lookup)
        case _:
            return await _with_account(f"/invoices/{id}", facts.from_invoice, lookup)


async def _payment(id: str, lookup: Lookup) -> dict[str, object]:
    transaction = await lookup.get(f"/transactions/{id}")
    invoice_id = a_text(a_map(transaction.get("invoice")).get("id"))
    invoice = await lookup.get(f"/invoices/{invoice_id}") if invoice_id else {}
    data = facts.from_transaction(transaction, invoice)
    account = a_text(a_map(transaction.get("account")).get("id"))
    return await _addressed(data, account, lookup)


async def _with_account(path: str, read: Read, lookup: Lookup) -> dict[str, object]:
    found = await lookup.get(path)
    return await _addressed(read(found), a_text(a_map(found.get("account")).get("id")), lookup)


async def _with_email(event: ParsedEvent, lookup: Lookup) -> ParsedEvent:
    """An XML notification whose e-mail element was empty."""
    account = a_text(a_map(a_map(event.body).get("account")).get("account_code"))
    data = await _addressed(
        dict(event.data), f"code-{quote(account, safe='')}" if account else None, lookup
    )
    return replace(event, data=data, complete=True)


async def _addressed(
    data: dict[str, object], account: str | None, lookup: Lookup
) -> dict[str, object]:
    """The facts with the account's address and name, where the document had none of them."""
    if data.get("customer_email") or not account:
        return data
    try:
        found = facts.customer(await lookup.get(f"/accounts/{account}"))
    except PermanentError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return data
    return {**data, **{name: value for name, value in found.items() if value}}
