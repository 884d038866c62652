"""Contacts of a file: found by id or address, completed, or made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from relay.core.errors import InvalidInput, RelayError
from relay.core.ids import record_id
from relay.crm.embedded import contacts
from relay.crm.embedded.book import Book, found_or_locked
from relay.crm.embedded.bulk.outcome import CREATED, SAME, UPDATED, Outcome, several
from relay.crm.embedded.desk import Desk, NewThing
from relay.crm.given import address
from relay.crm.model import Contact
from relay.crm.moments import instant
from relay.crm.port import Author
from relay.crm.properties import Entry, check, entry, read
from relay.storage.rows import Row

# Columns of an export that say nothing about the person.
_TOLD = frozenset({"id", "created_at", "modified_at", "properties", "state"})
_UNION = ("email", "phone")


@dataclass(frozen=True, kw_only=True)
class Person:
    """A line about a contact: what it says key by key, and what it says whole."""

    id: str | None
    texts: Mapping[str, Sequence[str]]
    entries: Mapping[str, Sequence[Entry]]

    @cached_property
    def properties(self) -> Mapping[str, Sequence[Entry]]:
        """Made when the line is stored: a number takes long to be put into its one form."""
        made = {key: [entry(key, text) for text in texts] for key, texts in self.texts.items()}
        return {**self.entries, **made}

    @cached_property
    def emails(self) -> list[str]:
        whole = [str(one["value"]).lower() for one in self.entries.get("email", ())]
        return [text.lower() for text in self.texts.get("email", ())] or whole


def prepare(desk: Desk, rows: Sequence[Row]) -> list[Person | RelayError]:
    """What the lines say. An id that is not here is no fault: the file may come from elsewhere."""
    del desk
    prepared: list[Person | RelayError] = []
    for row in rows:
        try:
            prepared.append(_person(row.values))
        except RelayError as error:
            prepared.append(error)
    return prepared


def store(desk: Desk, lines: Sequence[Person], author: Author) -> list[Outcome]:
    """A key that a line has takes that key's place, but for addresses and numbers, of which none
    that is known is dropped."""
    emails = {email for line in lines for email in line.emails}
    book = Book(desk=desk, found=found_or_locked(desk, emails))
    named = {line.id for line in lines if line.id}
    book.now = contacts.lock(
        desk.conn, desk.org, named | {people[0].id for people in book.found.values() if people}
    )
    outcomes = [_one(book, line, author) for line in lines]
    book.save()
    return outcomes


def _one(book: Book, line: Person, author: Author) -> Outcome:
    known = _known(book, line)
    if known is None:
        _make(book, line, author)
        return CREATED
    news = {
        key: entries
        for key, entries in line.properties.items()
        if key in _UNION or _values(entries) != _values(known.properties.get(key, ()))
    }
    after = book.lay_over(known, news, union=_UNION, author=author)
    return SAME if after is known else UPDATED


def _known(book: Book, line: Person) -> Contact | None:
    if line.id in book.now:
        return book.now[line.id]
    for email in line.emails:
        for person in book.found.get(email, ())[:1]:
            return book.now.get(person.id, person)
    return None


def _make(book: Book, line: Person, author: Author) -> None:
    desk = book.desk
    person = Contact(
        id=record_id(instant(desk.now_ms)),
        properties={key: list(entries) for key, entries in line.properties.items() if entries},
        created_ms=desk.now_ms,
        modified_ms=desk.now_ms,
    )
    book.add(person)
    desk.touched.append(NewThing(thing=person, author=author))


def _values(entries: Sequence[Entry]) -> list[object]:
    return [one["value"] for one in entries]


def _person(values: Mapping[str, object]) -> Person:
    entries = read(values["properties"]) if "properties" in values else {}
    texts = {
        key: [check(key, text) for text in several(key, value, split=key in _UNION)]
        for key, value in values.items()
        if key not in _TOLD and value is not None
    }
    id = values.get("id")
    person = Person(id=id if isinstance(id, str) else None, texts=texts, entries=entries)
    for email in person.emails:
        address(email)
    if not person.emails and not id:
        raise InvalidInput("email is needed", {"email": ["is needed"]})
    if not any(texts.values()) and not any(entries.values()):
        raise InvalidInput("there is nothing about the person")
    return person
