"""`crm.upsert_contact`: the person behind an address, made or completed."""

from collections.abc import Mapping, Sequence

from relay.core.errors import Filtered, InvalidInput
from relay.core.ids import record_id
from relay.crm.embedded import contacts
from relay.crm.embedded.book import Book, found_or_locked
from relay.crm.embedded.desk import Desk, NewThing
from relay.crm.embedded.verbs.persons import note_of
from relay.crm.given import NOBODY, address, each, quiet, required, text, yes
from relay.crm.model import Contact
from relay.crm.moments import instant
from relay.crm.port import Author, Done, Operation, Result
from relay.crm.properties import Entry, entry

_PLAIN = ("name", "phone", "title", "company")
# A second number is one more number; a new name, title or company takes the old one's place.
_UNION = ("email", "phone")


def upsert_contact(desk: Desk, operations: Sequence[Operation]) -> list[Result]:
    """Contacts by address; of several with one address the oldest, which the result says."""
    emails = {(quiet(op, "email") or "").lower() for op in operations} - {""}
    book = Book(desk=desk, found=_found(desk, emails, operations))
    held = {people[0].id for people in book.found.values() if people}
    if any(_properties(op) for op in operations):
        book.now = contacts.lock(desk.conn, desk.org, held)

    def work(operation: Operation) -> Done:
        email = address(required(operation, "email"))
        given = _properties(operation)
        if not book.found.get(email):
            if not yes(operation, "create", default=True):
                raise Filtered(NOBODY)
            return _make(book, email, given, operation)
        oldest = book.found[email][0]
        person = book.now.get(oldest.id, oldest)
        _complete(book, person, given, operation.author)
        note = note_of(email, book.found)
        return Done(output={"id": person.id, "created": False, **note})

    results = each(operations, work)
    book.save()
    return results


def _complete(
    book: Book, person: Contact, given: Mapping[str, Sequence[Entry]], author: Author
) -> Contact:
    """Lays what is given over the person, but for what it says already."""
    news = {
        key: entries for key, entries in given.items() if not _says_nothing(person, key, entries)
    }
    return book.lay_over(person, news, union=_UNION, author=author)


def _says_nothing(person: Contact, key: str, entries: Sequence[Entry]) -> bool:
    return key not in _UNION and [str(one["value"]) for one in entries] == [person.preferred(key)]


def _make(
    book: Book, email: str, given: Mapping[str, Sequence[Entry]], operation: Operation
) -> Done:
    desk = book.desk
    addresses = [{"value": email, "metadata": {"primary": "true"}}]
    person = Contact(
        id=record_id(instant(desk.now_ms)),
        properties={"email": addresses, **given},
        created_ms=desk.now_ms,
        modified_ms=desk.now_ms,
    )
    book.add(person)
    desk.touched.append(NewThing(thing=person, author=operation.author))
    return Done(output={"id": person.id, "created": True})


def _found(
    desk: Desk, emails: set[str], operations: Sequence[Operation]
) -> dict[str, list[Contact]]:
    if any(yes(op, "create", default=True) for op in operations):
        return found_or_locked(desk, emails)
    return dict(contacts.by_email(desk.conn, desk.org, emails))


def _properties(operation: Operation) -> dict[str, list[Entry]]:
    given: dict[str, list[Entry]] = {}
    for key in _PLAIN:
        try:
            value = text(operation, key)
        except InvalidInput:
            continue
        if value is not None:
            given[key] = [entry(key, value)]
    return given
