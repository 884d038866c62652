"""Accounts: who is billed, under a code that is ours; and invoices of what is pending on one."""

from collections.abc import Mapping

from relay.core.facts import a_map, a_text
from relay.integration import Call
from relay.integrations.recurly.api import Api, Found, code_path
from relay.integrations.recurly.money import currency_of
from relay.integrations.recurly.purchase import (
    account_code,
    cut_to_fit,
    email_of,
    terms_of,
)

_LONGEST = {"first_name": 255, "last_name": 255, "company": 50}


async def keep(api: Api, call: Call) -> Mapping[str, object]:
    """The account: made where its code is new, changed where it differs."""
    code = account_code(call.params)
    wanted = _details(call)
    known = await api.find(code_path(code))
    if known is None:
        return (await api.post("/accounts", {"code": code, **wanted}, call.key)).document
    changed = {name: value for name, value in wanted.items() if not _is_there(known, name, value)}
    return await api.put(code_path(code), changed, call.key) if changed else known


async def invoice_pending(api: Api, call: Call) -> Found:
    """One invoice of everything that is pending on the account."""
    body = {
        "currency": currency_of(call.params.get("currency")),
        "po_number": call.number,
        **terms_of(call),
    }
    return await api.post(f"{code_path(account_code(call.params))}/invoices", body, call.key)


def _details(call: Call) -> dict[str, object]:
    given: dict[str, object] = {}
    if email := email_of(call):
        given["email"] = email
    for name, longest in _LONGEST.items():
        if text := cut_to_fit(call.params.get(name), longest):
            given[name] = text
    if phone := a_text(call.params.get("phone")):
        given["address"] = {"phone": phone}
    return given


def _is_there(known: Mapping[str, object], name: str, value: object) -> bool:
    """An address is there when it has what is asked of it: the rest is the bookkeeper's."""
    if isinstance(value, dict):
        inner = a_map(known.get(name))
        return all(inner.get(key) == each for key, each in value.items())
    return known.get(name) == value
