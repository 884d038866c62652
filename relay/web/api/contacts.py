"""Contacts, accounts, and the Account Stream."""

from marshmallow import Schema, fields
from sqlalchemy import Connection

from relay.core.errors import NotFound
from relay.crm.changes import Told
from relay.crm.embedded import accounts as stored_accounts
from relay.crm.embedded import contacts as stored
from relay.crm.embedded import grid, merge, pages, stream
from relay.crm.model import Account, Contact
from relay.crm.moments import instant
from relay.pipeline import crm
from relay.pipeline.plain import time
from relay.web.api.resource import Resource
from relay.web.api.site import (
    Document,
    PageQuery,
    author,
    caller,
    cut,
    page_of,
    read,
    runtime,
    visible,
    whole,
)
from relay.web.api.verbs import Verbs, change

_TIME = {"format": "date-time"}


class Person(Schema):
    """A contact."""

    id = fields.String(required=True)
    email = fields.String(allow_none=True)
    emails = fields.List(fields.String())
    name = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    title = fields.String(allow_none=True)
    company = fields.String(allow_none=True)
    created_at = fields.String(metadata=_TIME)
    modified_at = fields.String(metadata=_TIME)


class NewPerson(Schema):
    """Found by address and completed, or made."""

    email = fields.Email(required=True)
    name = fields.String()
    phone = fields.String()
    title = fields.String()
    company = fields.String()


class MadePerson(Person):
    """A contact, and whether it is new."""

    created = fields.Boolean()


class Absorbed(Schema):
    """The contact that is the same person, and is taken over."""

    contact = fields.String(required=True, metadata={"description": "its id"})


class Entry(Schema):
    """An entry of the Account Stream."""

    id = fields.String(required=True)
    at = fields.String(metadata=_TIME)
    subject = fields.String()
    body = fields.String()
    by = fields.Dict(keys=fields.String())
    source = fields.String(allow_none=True, metadata={"description": "what its event came through"})
    item_id = fields.String(allow_none=True)
    account_id = fields.String(allow_none=True)
    contact_id = fields.String(allow_none=True)
    participants = fields.List(fields.String())


class NewEntry(Schema):
    """An entry for the Account Stream, about one of these."""

    subject = fields.String(required=True)
    body = fields.String(required=True)
    email = fields.String()
    item = fields.String()
    account = fields.String()
    contact = fields.String()


class Posted(Schema):
    """What was posted; `note` says what people should know."""

    subject = fields.String(required=True)
    body = fields.String()
    note = fields.String()


class Firm(Schema):
    """An account."""

    id = fields.String(required=True)
    name = fields.String()


class PersonQuery(PageQuery):
    """Which people."""

    email = fields.String(metadata={"description": "an address of theirs"})


class FirmQuery(PageQuery):
    """Which accounts."""

    name = fields.String(metadata={"description": "how the name begins"})


routes = Resource("contacts", "Contacts, accounts, and the Account Stream.")


@routes.get("/contacts", scope="crm:read", query=PersonQuery, answer=page_of(Person))
def list_contacts(query: Document) -> Document:
    """Contacts, the last changed first."""
    start = cut(query).before or 0
    wanted = pages.Page(start=start, limit=query["limit"] + 1)
    email = query.get("email")
    found = read(lambda conn: pages.of_contacts(conn, caller().org, wanted, email=email))
    more = len(found) > query["limit"]
    shown = [person(one) for one in found[: query["limit"]]]
    return {"data": shown, "next": str(start + query["limit"]) if more else None}


@routes.post("/contacts", scope="crm:write", body=NewPerson, answer=MadePerson)
def upsert_contact(new: Document) -> Document:
    """Finds a contact by address and completes it, or makes it."""

    def work(conn: Connection, changes: list[Told]) -> Document:
        made = Verbs(conn, changes).do("upsert_contact", **new)
        return {**_person(conn, str(made["id"])), "created": bool(made["created"])}

    return change(work)


@routes.get("/contacts/<id>", scope="crm:read", answer=Person)
def one_contact(id: str) -> Document:
    """One contact."""
    return read(lambda conn: _person(conn, id))


@routes.post("/contacts/<id>/merge", scope="crm:write", body=Absorbed, answer=Person)
def merge_contacts(absorbed: Document, id: str) -> Document:
    """Two contacts that are one person: this one takes over addresses, numbers, items and entries
    of the other, whose id leads here from then on."""
    return crm.edit(
        runtime(),
        caller().org,
        lambda desk: person(merge.merge(desk, id, absorbed["contact"], author())),
    )


@routes.get("/accounts", scope="crm:read", query=FirmQuery, answer=page_of(Firm))
def list_accounts(query: Document) -> Document:
    """Accounts, by name."""
    if query.get("name"):
        org, name, limit = caller().org, query["name"], query["limit"]
        return whole(map(firm, read(lambda conn: grid.accounts_with(conn, org, name, limit))))
    start = cut(query).before or 0
    wanted = pages.Page(start=start, limit=query["limit"] + 1)
    found = read(lambda conn: pages.of_accounts(conn, caller().org, wanted))
    more = len(found) > query["limit"]
    shown = [firm(one) for one in found[: query["limit"]]]
    return {"data": shown, "next": str(start + query["limit"]) if more else None}


@routes.post("/stream", scope="crm:write", body=NewEntry, status=201, answer=Posted)
def post_entry(new: Document) -> Document:
    """Posts to the Account Stream, about a person by address, or an item, account or contact."""

    def work(conn: Connection, changes: list[Told]) -> Document:
        made = Verbs(conn, changes).do("post_stream", **new)
        return {"subject": new["subject"], "body": new["body"], **made}

    return change(work)


@routes.get("/accounts/<id>/stream", scope="crm:read", query=PageQuery, answer=page_of(Entry))
def account_stream(query: Document, id: str) -> Document:
    """What happened around an account, newest first."""
    limit, before = query["limit"], cut(query).before

    def work(conn: Connection) -> Document:
        if id not in stored_accounts.read(conn, caller().org, [id]):
            raise NotFound(f"there is no account {id!r}")
        found = stream.of_account(conn, caller().org, id, before=before, limit=limit + 1)
        shown = found[:limit]
        of_items = visible(conn, [one for one in shown if one.item_id], lambda one: one.item_id)
        mine = {one.id for one in of_items}
        told = [_entry(one) for one in shown if one.item_id is None or one.id in mine]
        return {"data": told, "next": str(shown[-1].id) if len(found) > limit else None}

    return read(work)


def person(one: Contact) -> Document:
    """A contact as it is answered."""
    return {
        "id": one.id,
        "email": one.email,
        "emails": one.emails,
        "name": one.name,
        "phone": one.preferred("phone"),
        "title": one.preferred("title"),
        "company": one.preferred("company"),
        "created_at": time(instant(one.created_ms)),
        "modified_at": time(instant(one.modified_ms)),
    }


def firm(one: Account) -> Document:
    """An account as it is answered."""
    return {"id": one.id, "name": one.name}


def _person(conn: Connection, id: str) -> Document:
    found = stored.read(conn, caller().org, [id]).get(id)
    if found is None:
        raise NotFound(f"there is no contact {id!r}")
    return person(found)


def _entry(one: stream.Entry) -> Document:
    return {
        "id": str(one.id),
        "at": time(one.at),
        "subject": one.subject,
        "body": one.body,
        "by": {
            "kind": one.author.kind,
            "name": one.author.ref,
            "run_id": None if one.author.run is None else f"run_{one.author.run}",
            "event_id": None if one.author.event is None else f"evt_{one.author.event}",
        },
        "source": one.source or (one.author.ref if one.author.kind == "source" else None),
        "item_id": one.item_id,
        "account_id": one.account_id,
        "contact_id": one.contact_id,
        "participants": list(one.participants),
    }
