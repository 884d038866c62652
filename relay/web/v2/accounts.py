"""/accounts"""

from collections.abc import Mapping
from functools import partial

from flask import Response, request

from relay.core.access import Caller
from relay.core.errors import Conflict, NotFound
from relay.crm.embedded import accounts, pages
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.schema import schema
from relay.crm.embedded.verbs.accounts import laid_over, ledger
from relay.crm.model import Account, Stored
from relay.web.v2 import wire
from relay.web.v2.answers import answer
from relay.web.v2.batches import Document, Sent, carried_out, id_of
from relay.web.v2.requests import asked, body, collection, name_of, needed, same_id
from relay.web.v2.site import Site, author_of, sent_by


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
    return answer(site.write(caller.org, lambda desk: _created(caller, desk, sent)))


def create_many(site: Site, caller: Caller) -> Response:
    """The same for each of several."""
    return carried_out(site, caller, partial(_created, caller), key="name")


def change(site: Site, caller: Caller, id: str) -> Response:
    """Values that are not named stay as they are."""
    asked(request)
    sent = body(request)
    return answer(site.write(caller.org, lambda desk: _changed(desk, id, sent)))


def change_many(site: Site, caller: Caller) -> Response:
    """The same for each of several."""
    return carried_out(site, caller, lambda desk, sent: _changed(desk, id_of(sent), sent))


def _created(caller: Caller, desk: Desk, sent: Sent) -> Document:
    name = needed(name_of(sent), "name")
    book = ledger(desk, {name})
    made, _, _ = book.upsert(name, _values(desk, sent), author_of(caller))
    book.save()
    return wire.account(made, desk.schema.account_fields)


def _changed(desk: Desk, id: str, sent: Sent) -> Document:
    same_id(sent, "id", id)
    name = needed(name_of(sent), "name")
    # Whoever makes or renames an account to this name waits here for the others.
    namesake = ledger(desk, {name}).now.get(accounts.key_of(name))
    known = _found(accounts.lock(desk.conn, desk.org, [id]), id)
    if namesake is not None and namesake.id != id:
        raise Conflict(f"there is an account {namesake.name!r} already")
    after, _ = laid_over(desk, known, _values(desk, sent), name)
    if after is not known:
        accounts.save(desk.conn, [after])
    return wire.account(after, desk.schema.account_fields)


def remove(site: Site, caller: Caller, id: str) -> Response:
    asked(request)

    def work(desk: Desk) -> bool:
        return accounts.remove(desk.conn, desk.org, id, desk.now_ms)

    if not site.write(caller.org, work):
        raise NotFound(f"there is no account {id!r}")
    return answer(body=True)


def _found(known: Mapping[str, Account], id: str) -> Account:
    if id not in known:
        raise NotFound(f"there is no account {id!r}")
    return known[id]


def _values(desk: Desk, sent: Sent) -> dict[str, Stored | None]:
    known, given = desk.schema.account_fields, sent.get("fieldValues")
    return wire.values(known, given, sent_by(desk, known, given))
