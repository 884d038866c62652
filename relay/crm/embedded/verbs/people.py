"""`crm.upsert_contact`: the person behind an address, made or completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from relay.core.errors import Filtered, InvalidInput
from relay.core.ids import ordering_key, record_id
from relay.crm.embedded import contacts
from relay.crm.embedded.desk import Desk, NewThing
from relay.crm.embedded.verbs.find import NOBODY
from relay.crm.embedded.verbs.given import address, each, note_of, quiet, required, text, yes
from relay.crm.model import Contact
from relay.crm.moments import instant
from relay.crm.port import Done, Operation, Result
from relay.crm.properties import Entry, entry, with_new
from relay.storage.crm_rows import lock_keys

_PLAIN = ("name", "phone", "title", "company")
# A second number is one more number; a new name, title or company takes the old one's place.
_UNION = ("email", "phone")


@dataclass(slots=True, kw_only=True)
class Book:
    """Contacts in hand: changed in memory, in order, and stored at the end."""

    desk: Desk
    found: dict[str, list[Contact]]
    now: dict[str, Contact] = field(default_factory=dict)
    new: dict[str, None] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)

    def put(self, person: Contact, *, moved: bool) -> None:
        self.now[person.id] = person
        if person.id not in self.new:
            self.changed.add(person.id)
            if moved:
                self.moved.add(person.id)

    def add(self, person: Contact) -> None:
        self.now[person.id] = person
        self.new[person.id] = None
        for email in person.emails:
            self.found.setdefault(email, []).append(person)

    def save(self) -> None:
        desk = self.desk
        contacts.add(desk.conn, desk.org, [self.now[id] for id in self.new])
        changed = [self.now[id] for id in sorted(self.changed)]
        contacts.save(desk.conn, desk.org, changed, self.moved)


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
        complete(book, person, given)
        note = note_of(email, book.found)
        return Done(output={"id": person.id, "created": False, **note})

    results = each(operations, work)
    book.save()
    return results


def complete(book: Book, person: Contact, given: Mapping[str, Sequence[Entry]]) -> Contact:
    """Lays what is given over the person; what says nothing new leaves no mark."""
    news = {
        key: entries for key, entries in given.items() if not _says_nothing(person, key, entries)
    }
    properties = with_new(person.properties, news, union=_UNION)
    if properties == {key: list(entries) for key, entries in person.properties.items()}:
        return person
    after = replace(
        person,
        properties=properties,
        modified_ms=max(book.desk.now_ms, person.modified_ms + 1),
    )
    book.put(after, moved=any(key in news for key in _UNION))
    return after


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
    """Contacts by address. An address of nobody is locked before it is looked up again, so that
    two that come at once make one contact."""
    found = contacts.by_email(desk.conn, desk.org, emails)
    absent = emails - found.keys()
    if absent and any(yes(op, "create", default=True) for op in operations):
        lock_keys(desk.conn, [ordering_key(f"contact:{desk.org}:{email}") for email in absent])
        found |= contacts.by_email(desk.conn, desk.org, absent)
    return dict(found)


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
