"""/accounts"""

from collections.abc import Mapping

from flask import Response, request

from relay.core.access import Caller
from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.crm.embedded import accounts, contacts, pages
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.schema import schema
from relay.crm.embedded.verbs.accounts import laid_over, ledger
from relay.crm.model import Account, Fields, FieldType, Stored
from relay.web.v2 import wire
from relay.web.v2.answers import answer
from relay.web.v2.requests import asked, body, collection, needed, same_id
from relay.web.v2.site import Site, author_of


def page(site: Site, caller: Caller) -> Response:
    wanted = collection(request).page()
    with site.db.read() as conn:
        found = pages.of_accounts(conn, caller.org, wanted)
        known = schema(conn, caller.org).account_fields
    objects = [wire.account(one, known) for one in found]
    return answer(wire.envelope(objects, wanted.start, wanted.limit))


def fields(site: Site, caller: Caller) -> Response:
    asked(request)
    with site.db.read() as conn:
        known = schema(conn, caller.org).account_fields
    return answer({"fields": [wire.field(one, of_list=False) for one in known.all]})


def one(site: Site, caller: Caller, id: str) -> Response:
    asked(request)
    with site.db.read() as conn:
        found = _found(accounts.read(conn, caller.org, [id]), id)
        known = schema(conn, caller.org).account_fields
    return answer(wire.account(found, known))


def create(site: Site, caller: Caller) -> Response:
    """A name that exists gives that account, with the values sent laid over its own."""
    asked(request)
    sent = body(request)
    name = needed(sent, "name")

    def work(desk: Desk) -> dict[str, object]:
        book = ledger(desk, {name})
        made, _, _ = book.upsert(name, _values(desk, sent), author_of(caller))
        book.save()
        return wire.account(made, desk.schema.account_fields)

    return answer(site.write(caller.org, work))


def change(site: Site, caller: Caller, id: str) -> Response:
    """Values that are not named stay as they are."""
    asked(request)
    sent = body(request)
    same_id(sent, "id", id)
    name = needed(sent, "name")

    def work(desk: Desk) -> dict[str, object]:
        known = _found(accounts.lock(desk.conn, desk.org, [id]), id)
        namesake = accounts.lock_named(desk.conn, desk.org, {name}).get(accounts.key_of(name))
        if namesake is not None and namesake.id != id:
            raise Conflict(f"there is an account {namesake.name!r} already")
        after, _ = laid_over(desk, known, _values(desk, sent), name)
        if after is not known:
            accounts.save(desk.conn, [after])
        return wire.account(after, desk.schema.account_fields)

    return answer(site.write(caller.org, work))


def remove(site: Site, caller: Caller, id: str) -> Response:
    asked(request)

    def work(desk: Desk) -> bool:
        return accounts.remove(desk.conn, desk.org, id)

    if not site.write(caller.org, work):
        raise NotFound(f"there is no account {id!r}")
    return answer(body=True)


def _found(known: Mapping[str, Account], id: str) -> Account:
    if id not in known:
        raise NotFound(f"there is no account {id!r}")
    return known[id]


def _values(desk: Desk, sent: Mapping[str, object]) -> dict[str, Stored | None]:
    known = desk.schema.account_fields
    given = sent.get("fieldValues")
    named = contacts.by_email(desk.conn, desk.org, _addresses(known, given))
    by = desk.sent(mapped=False, contacts={email: people[0].id for email, people in named.items()})
    return wire.values(known, given, by)


def _addresses(known: Fields, given: object) -> set[str]:
    """Addresses that are sent for fields whose values are contacts."""
    if given is None:
        return set()
    if not isinstance(given, Mapping):
        raise InvalidInput("fieldValues must be an object")
    people = [one.id for one in known.all if one.type is FieldType.CONTACT]
    raws = [
        entry.get("raw")
        for id in people
        for entry in (given.get(id) or ())
        if isinstance(entry, Mapping)
    ]
    return {raw.strip().lower() for raw in raws if isinstance(raw, str) and "@" in raw}
