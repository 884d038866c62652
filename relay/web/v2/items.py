"""/lists/<id>/listitems"""

from collections.abc import Mapping, Sequence
from functools import partial

from flask import Response, request
from sqlalchemy import Connection

from relay.core.access import Caller
from relay.core.errors import InvalidInput, NotFound
from relay.core.ids import ordering_key
from relay.crm.embedded import accounts, contacts, items, pages, records
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.schema import schema
from relay.crm.embedded.shelf import Edit, Shelf
from relay.crm.embedded.verbs.create import check_shape, name_for
from relay.crm.limits import refused
from relay.crm.model import Account, Contact, Item, List, ListType
from relay.storage.crm_rows import lock_keys
from relay.web.v2 import wire
from relay.web.v2.answers import BadRequest, answer
from relay.web.v2.batches import Document, Sent, carried_out, id_of
from relay.web.v2.requests import asked, body, collection, ids_of, name_of, same_id, text_of
from relay.web.v2.site import Site, author_of, list_of, sent_by

# The documentation itself spells the second one both ways.
_UPSERTS = {"contactIds": "contactIds", "accountId": "accountId", "accountIds": "accountId"}


def page(site: Site, caller: Caller, list_id: str) -> Response:
    query = collection(request)
    wanted = query.page()
    with site.db.read() as conn:
        in_list = list_of(schema(conn, caller.org), caller, list_id)
        found, total = pages.of_items(
            conn,
            caller.org,
            list_id,
            wanted,
            contact_ids=query.ids("contactIds"),
            account_ids=query.ids("accountIds"),
        )
    objects = [wire.item(one, in_list) for one in found]
    return answer({"totalSize": total, **wire.envelope(objects, wanted.start, wanted.limit)})


def one(site: Site, caller: Caller, list_id: str, id: str) -> Response:
    asked(request)
    with site.db.read() as conn:
        in_list = list_of(schema(conn, caller.org), caller, list_id)
        found = _found(items.read(conn, caller.org, [id]), in_list, id)
    return answer(wire.item(found, in_list))


def create(site: Site, caller: Caller, list_id: str) -> Response:
    """A new item; with `_upsert` the oldest one that has the contact or the account, updated."""
    upsert = asked(request, "_upsert").text("_upsert")
    if upsert is not None and upsert not in _UPSERTS:
        raise BadRequest(f"_upsert may be contactIds or accountId, not {upsert!r}")
    sent = body(request)
    if upsert is None:
        return answer(site.write(caller.org, lambda desk: _created(caller, list_id, desk, sent)))
    key = _UPSERTS[upsert]
    return answer(site.write(caller.org, lambda desk: _upserted(caller, list_id, key, desk, sent)))


def create_many(site: Site, caller: Caller, list_id: str) -> Response:
    """A new item for each of several."""
    return carried_out(site, caller, partial(_created, caller, list_id))


def change(site: Site, caller: Caller, list_id: str, id: str) -> Response:
    """What is not sent stays. Name and points of contact can be changed on account lists only."""
    asked(request)
    sent = body(request)
    work = partial(_changed, caller, list_id)
    return answer(site.write(caller.org, lambda desk: work(desk, id, sent)))


def change_many(site: Site, caller: Caller, list_id: str) -> Response:
    """The same for each of several."""
    work = partial(_changed, caller, list_id)
    return carried_out(site, caller, lambda desk, sent: work(desk, id_of(sent), sent))


def _created(caller: Caller, list_id: str, desk: Desk, sent: Sent) -> Document:
    in_list, edit = _edit(caller, list_id, desk, sent)
    return _made(caller, Shelf(desk=desk), in_list, edit)


def _made(caller: Caller, shelf: Shelf, in_list: List, edit: Edit) -> Document:
    made = shelf.make(in_list, _named(shelf.desk, in_list, edit), author_of(caller))
    shelf.save()
    return wire.item(made, in_list)


def _upserted(caller: Caller, list_id: str, key: str, desk: Desk, sent: Sent) -> Document:
    in_list, edit = _edit(caller, list_id, desk, sent)
    shelf = Shelf(desk=desk)
    known = _hit(shelf, in_list, edit, key)
    if known is None:
        return _made(caller, shelf, in_list, edit)
    # The item keeps its contacts: an upsert never takes one away.
    kept = Edit(values=edit.values, name=edit.name, linked=edit.linked)
    return _written(caller, shelf, known, kept)


def _changed(caller: Caller, list_id: str, desk: Desk, id: str, sent: Sent) -> Document:
    same_id(sent, "id", id)
    in_list = list_of(desk.schema, caller, list_id)
    shelf = Shelf(desk=desk, items=items.lock(desk.conn, desk.org, [id]))
    known = _found(shelf.items, in_list, id)
    _, edit = _edit(caller, list_id, desk, sent)
    on_accounts = in_list.type is ListType.ACCOUNT
    kept = Edit(
        values=edit.values,
        name=edit.name if on_accounts else None,
        contact_ids=edit.contact_ids if on_accounts else None,
        linked=edit.linked,
    )
    return _written(caller, shelf, known, kept)


def _written(caller: Caller, shelf: Shelf, known: Item, edit: Edit) -> Document:
    shelf.change(known, edit, author_of(caller))
    if shelf.get(known.id) is known:
        # Its date is that of the last write, also of one that says nothing new (recorded).
        shelf.stamp(known)
    shelf.save()
    after = shelf.get(known.id)
    return wire.item(after, shelf.desk.schema.list(after.list_id))


def remove(site: Site, caller: Caller, list_id: str, id: str) -> Response:
    """Removes the row alone; account and contacts stay."""
    asked(request)

    def work(desk: Desk) -> None:
        in_list = list_of(desk.schema, caller, list_id)
        known = _found(items.lock(desk.conn, desk.org, [id]), in_list, id)
        records.removed(desk, known, author_of(caller))
        items.remove(desk.conn, desk.org, id)

    site.write(caller.org, work)
    return answer(body=True)


def _found(known: Mapping[str, Item], in_list: List, id: str) -> Item:
    found = known.get(id)
    if found is None or found.list_id != in_list.id:
        raise NotFound(f"there is no list item {id!r}")
    return found


def _edit(caller: Caller, list_id: str, desk: Desk, sent: Sent) -> tuple[List, Edit]:
    """The list, and what the body says; an empty array of contacts leaves them as they are."""
    in_list = list_of(desk.schema, caller, list_id)
    same_id(sent, "listId", list_id)
    linked = sent.get("linkedItemIds")
    if linked is not None and not isinstance(linked, Mapping):
        raise refused("linkedItemIds", "must be an object")
    contact_ids, given = ids_of(sent, "contactIds"), sent.get("fieldValues")
    return in_list, Edit(
        values=wire.values(in_list.fields, given, sent_by(desk, in_list.fields, given)),
        name=name_of(sent),
        account_id=text_of(sent, "accountId") or None,
        contact_ids=_living(desk.conn, desk.org, contact_ids) if contact_ids else None,
        linked=linked,
    )


def _living(conn: Connection, org: int, ids: Sequence[str]) -> tuple[str, ...]:
    """Contacts that are there, merged ones as their survivors. Raises InvalidInput."""
    merged = contacts.survivors(conn, org, ids)
    chosen = tuple(dict.fromkeys(merged.get(id, id) for id in ids))
    known = contacts.read(conn, org, chosen)
    for id in chosen:
        if id not in known:
            raise InvalidInput(f"there is no contact {id!r}")
    return chosen


def _named(desk: Desk, in_list: List, edit: Edit) -> Edit:
    """The edit as a new item takes it: checked, and called as its account or its contact."""
    account: Account | None = None
    person: Contact | None = None
    if edit.account_id is not None:
        account = accounts.read(desk.conn, desk.org, [edit.account_id]).get(edit.account_id)
        if account is None:
            raise InvalidInput(f"there is no account {edit.account_id!r}")
    check_shape(in_list, contacts=len(edit.contact_ids or ()), account=account is not None)
    if edit.contact_ids:
        person = contacts.read(desk.conn, desk.org, edit.contact_ids[:1])[edit.contact_ids[0]]
    return Edit(
        values=edit.values,
        name=edit.name or name_for(in_list, person, account),
        account_id=edit.account_id,
        contact_ids=edit.contact_ids,
        linked=edit.linked,
    )


def _hit(shelf: Shelf, in_list: List, edit: Edit, key: str) -> Item | None:
    """The oldest item that an upsert means, held. Raises InvalidInput without the key."""
    desk = shelf.desk
    values = edit.contact_ids if key == "contactIds" else (edit.account_id,)
    given = [value for value in values or () if value]
    if not given:
        raise InvalidInput(f"an upsert by {key} needs {key}")
    kind = "contact" if key == "contactIds" else "account"
    lock_keys(
        desk.conn,
        [ordering_key(f"item:{desk.org}:{in_list.id}:{kind}:{value}") for value in given],
    )
    lookup = items.of_contacts if key == "contactIds" else items.of_accounts
    found = lookup(desk.conn, desk.org, in_list.id, given)
    several = sorted(
        (item for theirs in found.values() for item in theirs),
        key=lambda item: (item.created_ms, item.id),
    )
    shelf.items |= items.lock(desk.conn, desk.org, {item.id for item in several[:1]})
    return shelf.items.get(several[0].id) if several else None
