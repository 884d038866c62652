"""Contacts in hand: changed in memory, in order, and stored at the end, a statement a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from relay.core.ids import ordering_key
from relay.crm.embedded import contacts
from relay.crm.embedded.desk import Desk, NewThing
from relay.crm.model import Contact
from relay.crm.port import Author
from relay.crm.properties import Entry, with_new
from relay.storage.crm_rows import lock_keys


@dataclass(slots=True, kw_only=True)
class Book:
    """The contacts of one batch as they are by now; `found` are those of each address."""

    desk: Desk
    found: dict[str, list[Contact]] = field(default_factory=dict)
    now: dict[str, Contact] = field(default_factory=dict)
    new: dict[str, None] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)

    def add(self, person: Contact) -> None:
        """A new contact."""
        self.now[person.id] = person
        self.new[person.id] = None
        for email in person.emails:
            self.found.setdefault(email, []).append(person)

    def lay_over(
        self,
        person: Contact,
        given: Mapping[str, Sequence[Entry]],
        *,
        union: Sequence[str],
        author: Author,
    ) -> Contact:
        """The person with what is given; what says nothing new leaves no mark. A key's whole array
        is replaced, but for the keys in `union`, where nothing that is known is dropped."""
        properties = with_new(person.properties, given, union=union)
        if properties == {key: list(entries) for key, entries in person.properties.items()}:
            return person
        after = replace(
            person,
            properties=properties,
            modified_ms=max(self.desk.now_ms, person.modified_ms + 1),
        )
        self.now[after.id] = after
        if after.id not in self.new:
            self.changed[after.id] = None
            if self.desk.wanted(None, "contact.updated"):
                self.desk.touched.append(NewThing(thing=after, author=author, is_new=False))
            if any(key in given for key in ("email", "phone")):
                self.moved.add(after.id)
        return after

    def save(self) -> None:
        """Stores everything that was made or changed."""
        desk = self.desk
        contacts.add(desk.conn, desk.org, [self.now[id] for id in self.new])
        changed = [self.now[id] for id in sorted(self.changed)]
        contacts.save(desk.conn, desk.org, changed, self.moved)
        desk.known |= self.now


def found_or_locked(desk: Desk, emails: set[str]) -> dict[str, list[Contact]]:
    """Contacts by address. An address of nobody is locked before it is looked up again, so that
    two that come at once make one contact."""
    found = contacts.by_email(desk.conn, desk.org, emails)
    absent = emails - found.keys()
    if absent:
        lock_keys(desk.conn, [ordering_key(f"contact:{desk.org}:{email}") for email in absent])
        found |= contacts.by_email(desk.conn, desk.org, absent)
    desk.known |= {one.id: one for several in found.values() for one in several}
    return dict(found)
