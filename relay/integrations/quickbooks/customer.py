"""The customer of a booking: found by a pinned id, the e-mail, the name; created where absent.

A display name is unique over customers, vendors and employees of a company, and a customer's
currency is fixed when it is made (developer.intuit.com, "Customer").
"""

import re
from collections.abc import Mapping, Sequence

from relay.core import options
from relay.core.errors import PermanentError
from relay.core.facts import a_map, a_text
from relay.core.ids import digest
from relay.integration import Call, Output
from relay.integrations.quickbooks.client import Company, quoted
from relay.integrations.quickbooks.faults import BAD_QUERY, DUPLICATE_NAME, STALE, Refused
from relay.integrations.quickbooks.request_id import request_id
from relay.integrations.quickbooks.sale import Sale, name_of

LONGEST_NAME = 100
LONGEST_PHONE = 21
CHANGES = 3  # tries at a change that others make at the same time

_PLAIN = re.compile(r"[A-Za-z0-9 ]*")

Customer = Mapping[str, object]


async def keep(call: Call) -> Output:
    """The customer, with the address, phone and company that the rule gives: made where absent,
    changed where they differ. Somebody else's change in between is read and kept (code 5010)."""
    company = Company(connection=call.connection, http=call.http, now=call.now)
    sale = Sale(customer=name_of(call.params.get("customer")), lines=(),
                email=a_text(call.params.get("email")))  # fmt: skip
    id = call.customers.get("") or await customer_for(company, sale, call)
    wanted = _details(call.params)
    known = await company.read("Customer", id)
    tries = CHANGES
    while changed := {name: value for name, value in wanted.items() if known.get(name) != value}:
        tries -= 1
        token = a_text(known.get("SyncToken")) or "0"
        body = {"Id": id, "SyncToken": token, "sparse": True, **changed}
        try:
            key = request_id(call, "customer", token)
            known = {**await company.create("Customer", body, key), **changed}
        except Refused as refusal:
            if refusal.code != STALE or not tries:
                raise
            known = await company.read("Customer", id)
    data = {"id": id, "name": _label(known), "url": company.customer_page(id)}
    return Output(data=data, customers={"": id})


def _details(params: Mapping[str, object]) -> dict[str, object]:
    """What the rule gives, as QuickBooks keeps it."""
    found: dict[str, object] = {}
    if email := a_text(params.get("email")):
        found["PrimaryEmailAddr"] = {"Address": email}
    if phone := a_text(params.get("phone")):
        found["PrimaryPhone"] = {"FreeFormNumber": phone[:LONGEST_PHONE]}
    if firm := a_text(params.get("company")):
        found["CompanyName"] = firm[:LONGEST_NAME]
    return found


async def customer_for(company: Company, sale: Sale, call: Call) -> str:
    """The id of the customer to book the sale on."""
    pinned = _pinned(company, sale)
    if pinned:
        return pinned
    found = await _by_email(company, sale)
    if found is None:
        found = await _by_name(company, sale, call)
    return _usable(found)


def _pinned(company: Company, sale: Sale) -> str | None:
    """The id that a person wrote beside the name or address: setting `customers`, `Acme Ltd=42`."""
    for entry in options.texts(company.connection.settings, "customers"):
        name, _, id = entry.rpartition("=")
        if name.strip().casefold() in (sale.customer.casefold(), (sale.email or "").casefold()):
            return id.strip()
    return None


async def _by_email(company: Company, sale: Sale) -> Customer | None:
    if not sale.email:
        return None
    where = f"PrimaryEmailAddr = {quoted(sale.email)}"
    found = [each for each in await _customers(company, where) if _takes(each, sale.currency)]
    if len(found) <= 1:
        return found[0] if found else None
    named = [each for each in found if _is_named(each, sale.customer)]
    if len(named) == 1:
        return named[0]
    names = ", ".join(f"{_label(each)} ({each.get('Id')})" for each in found[:5])
    raise PermanentError(
        f"{len(found)} customers in QuickBooks have the address {sale.email}: {names}. Say which "
        f"one {sale.customer} is in the connection's setting customers"
    )


async def _by_name(company: Company, sale: Sale, call: Call) -> Customer:
    """The customer of this name, made where there is none. A name that a vendor or an employee
    has, or a customer in another currency, gets a customer beside it."""
    name = sale.customer[:LONGEST_NAME]
    found = await _claimed(company, name, sale, call)
    if found is None:
        mark = digest(str(call.deal.account.get("id") or sale.customer))[:6]
        found = await _claimed(company, _suffixed(name, f"CRM {mark}"), sale, call)
    elif not _takes(found, sale.currency):
        found = await _claimed(company, _suffixed(name, sale.currency or ""), sale, call)
    if found is None or not _takes(found, sale.currency):
        raise PermanentError(
            f"QuickBooks has no customer {name} in {sale.currency or 'its currency'} and refuses "
            "to make one: say which one it is in the connection's setting customers"
        )
    return found


async def _claimed(company: Company, name: str, sale: Sale, call: Call) -> Customer | None:
    """The customer of exactly this name, found or made; None where somebody else has the name."""
    found = await _named(company, name)
    if found is not None:
        return found
    body = _new(name, sale, call)
    try:
        return await company.create("Customer", body, request_id(call, "customer", name))
    except Refused as refusal:
        if refusal.code != DUPLICATE_NAME:
            raise
    return await _alike(company, name)


async def _named(company: Company, name: str) -> Customer | None:
    """Inactive ones too: they keep their name."""
    where = f"DisplayName = {quoted(name)} and Active in (true, false)"
    try:
        return _first(await _customers(company, where), name)
    except Refused as refusal:
        # Curly quotes and long dashes have been refused as a lexical error.
        if refusal.code != BAD_QUERY:
            raise
    return await _alike(company, name)


async def _alike(company: Company, name: str) -> Customer | None:
    """By the name's plain beginning, compared here."""
    match = _PLAIN.match(name)
    prefix = match[0].rstrip() if match else ""
    if not prefix:
        return None
    where = f"DisplayName like {quoted(prefix + '%')} and Active in (true, false)"
    return _first(await _customers(company, where, limit=1000), name)


async def _customers(company: Company, where: str, *, limit: int = 100) -> Sequence[Customer]:
    return await company.select("Customer", where, limit=limit)


def _first(customers: Sequence[Customer], name: str) -> Customer | None:
    return next((each for each in customers if _is_named(each, name)), None)


def _is_named(customer: Customer, name: str) -> bool:
    return _label(customer).casefold() == name.casefold()


def _label(customer: Customer) -> str:
    return a_text(customer.get("DisplayName")) or ""


def _takes(customer: Customer, currency: str | None) -> bool:
    """A company without several currencies does not say any."""
    its = a_text(a_map(customer.get("CurrencyRef")).get("value"))
    return currency is None or its is None or its == currency


def _usable(customer: Customer) -> str:
    id = a_text(customer.get("Id")) or ""
    if customer.get("Active") is False:
        raise PermanentError(
            f"the customer {_label(customer)} ({id}) is inactive in QuickBooks: make it active"
        )
    return id


def _suffixed(name: str, suffix: str) -> str:
    ending = f" ({suffix})"
    return name[: LONGEST_NAME - len(ending)] + ending


def _new(name: str, sale: Sale, call: Call) -> dict[str, object]:
    """The contact's own fields only where the address is the contact's."""
    company_name = a_text(call.deal.account.get("name")) or sale.customer
    body: dict[str, object] = {"DisplayName": name, "CompanyName": company_name[:LONGEST_NAME]}
    if sale.email:
        body["PrimaryEmailAddr"] = {"Address": sale.email}
    if sale.currency:
        body["CurrencyRef"] = {"value": sale.currency}
    contact = call.deal.contact
    if sale.email and (a_text(contact.get("email")) or "").casefold() == sale.email.casefold():
        body |= _person(contact)
    return body


def _person(contact: Mapping[str, object]) -> dict[str, object]:
    names = {"GivenName": contact.get("first_name"), "FamilyName": contact.get("last_name")}
    person: dict[str, object] = {
        key: text[:LONGEST_NAME] for key, value in names.items() if (text := a_text(value))
    }
    phone = a_text(contact.get("phone"))
    if phone and len(phone) <= LONGEST_PHONE:
        person["PrimaryPhone"] = {"FreeFormNumber": phone}
    return person
