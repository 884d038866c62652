"""/contacts"""

from collections.abc import Collection, Sequence
from functools import partial

from flask import Response, request
from sqlalchemy import Connection

from relay.core.access import Caller
from relay.core.errors import InvalidInput, NotFound
from relay.core.ids import record_id
from relay.crm import properties
from relay.crm.embedded import contacts, pages
from relay.crm.embedded.book import Book, found_or_locked
from relay.crm.embedded.desk import Desk, NewThing
from relay.crm.limits import refused
from relay.crm.model import Contact
from relay.crm.moments import instant
from relay.people import phone
from relay.web.v2 import wire
from relay.web.v2.answers import BadRequest, answer
from relay.web.v2.batches import Document, Sent, carried_out, id_of
from relay.web.v2.requests import asked, body, collection, same_id
from relay.web.v2.site import Site, author_of


def page(site: Site, caller: Caller) -> Response:
    query = collection(request)
    wanted = query.page()
    email, number = query.text("properties.email"), query.text("properties.phone")
    phones = None if number is None else _forms(number)
    with site.db.read() as conn:
        survivors = contacts.survivors(conn, caller.org, wanted.ids or ())
        if wanted.ids is not None:
            ids = [survivors.get(id, id) for id in wanted.ids]
            wanted = pages.Page(
                start=wanted.start, limit=wanted.limit, ids=ids, modified_ms=wanted.modified_ms
            )
        found = pages.of_contacts(conn, caller.org, wanted, email=email, phones=phones)
        merged = contacts.absorbed(conn, caller.org, [one.id for one in found])
    requested = None if wanted.ids is None else query.ids("_ids") or []
    objects = [
        wire.contact(
            one,
            requested=_requested(one, requested, survivors),
            merged=merged.get(one.id, []),
        )
        for one in found
    ]
    return answer(wire.envelope(objects, wanted.start, wanted.limit))


def one(site: Site, caller: Caller, id: str) -> Response:
    asked(request)
    with site.db.read() as conn:
        found = contacts.read(conn, caller.org, [_living(conn, caller.org, id)])
    if not found:
        raise NotFound(f"there is no contact {id!r}")
    return answer(wire.contact(next(iter(found.values()))))


def create(site: Site, caller: Caller) -> Response:
    """A new contact; with `_upsert=email` the oldest that has one of the addresses, completed."""
    upsert = asked(request, "_upsert").text("_upsert")
    if upsert not in (None, "email"):
        raise BadRequest(f"_upsert may only be email, not {upsert!r}")
    sent = body(request)
    one = _upserted if upsert else _created
    return answer(site.write(caller.org, lambda desk: one(caller, desk, sent)))


def create_many(site: Site, caller: Caller) -> Response:
    """A new contact for each of several."""
    return carried_out(site, caller, partial(_created, caller))


def change(site: Site, caller: Caller, id: str) -> Response:
    """A key that is sent replaces that key's whole array; others stay."""
    asked(request)
    sent = body(request)
    return answer(site.write(caller.org, lambda desk: _changed(caller, desk, id, sent)))


def change_many(site: Site, caller: Caller) -> Response:
    """The same for each of several."""
    return carried_out(site, caller, lambda desk, sent: _changed(caller, desk, id_of(sent), sent))


def _created(caller: Caller, desk: Desk, sent: Sent) -> Document:
    given = _given(sent)
    return wire.contact(_made(Book(desk=desk), caller, given))


def _upserted(caller: Caller, desk: Desk, sent: Sent) -> Document:
    given = _given(sent)
    book, known = _book(desk, _emails(given))
    if known is None:
        return wire.contact(_made(book, caller, given))
    person = book.lay_over(known, given, union=("email",), author=author_of(caller))
    book.save()
    return wire.contact(person)


def _made(book: Book, caller: Caller, given: properties.Properties) -> Contact:
    desk = book.desk
    person = Contact(
        id=record_id(instant(desk.now_ms)),
        properties={key: entries for key, entries in given.items() if entries},
        created_ms=desk.now_ms,
        modified_ms=desk.now_ms,
    )
    book.add(person)
    book.save()
    desk.touched.append(NewThing(thing=person, author=author_of(caller)))
    return person


def _changed(caller: Caller, desk: Desk, id: str, sent: Sent) -> Document:
    same_id(sent, "id", id)
    given = properties.read(sent.get("properties"))
    held = contacts.lock(desk.conn, desk.org, [_living(desk.conn, desk.org, id)])
    if not held:
        raise NotFound(f"there is no contact {id!r}")
    book = Book(desk=desk, now=held)
    person = book.lay_over(next(iter(held.values())), given, union=(), author=author_of(caller))
    book.save()
    return wire.contact(person)


def _given(sent: Sent) -> properties.Properties:
    given = properties.read(sent.get("properties"))
    if not any(given.values()):
        raise refused("properties", "needs at least one entry")
    return given


def remove(site: Site, caller: Caller, id: str) -> Response:
    """Archives; a contact that is on a list item stays."""
    asked(request)

    def work(desk: Desk) -> None:
        held = contacts.lock(desk.conn, desk.org, [id])
        if id not in held:
            raise NotFound(f"there is no contact {id!r}")
        if contacts.is_on_an_item(desk.conn, desk.org, id):
            raise InvalidInput("a contact that is on a list item cannot be archived")
        contacts.archive(desk.conn, desk.org, held[id])

    site.write(caller.org, work)
    return answer(body=True)


def _book(desk: Desk, emails: Collection[str]) -> tuple[Book, Contact | None]:
    """The oldest contact that has one of the addresses, held."""
    found = found_or_locked(desk, set(emails))
    oldest = sorted(
        (people[0] for people in found.values() if people), key=lambda p: (p.created_ms, p.id)
    )
    held = contacts.lock(desk.conn, desk.org, {oldest[0].id} if oldest else ())
    return Book(desk=desk, now=held), next(iter(held.values()), None)


def _emails(given: properties.Properties) -> set[str]:
    emails = {str(entry["value"]).lower() for entry in given.get("email") or ()} - {""}
    if not emails:
        raise InvalidInput("an upsert by email needs an email in properties")
    return emails


def _living(conn: Connection, org: int, id: str) -> str:
    return contacts.survivors(conn, org, [id]).get(id, id)


def _requested(
    one: Contact, asked_for: Sequence[str] | None, survivors: dict[str, str]
) -> list[str] | None:
    if asked_for is None:
        return None
    return [id for id in dict.fromkeys(asked_for) if survivors.get(id, id) == one.id]


def _forms(number: str) -> set[str]:
    """The digits under which a number may be kept: as sent, and in E.164."""
    return {contacts.digits(number), contacts.digits(phone(number) or "")} - {""}
