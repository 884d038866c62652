"""`crm.upsert_account`: the company of a name, made or completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from relay.core.ids import ordering_key, record_id
from relay.crm.embedded import accounts, contacts
from relay.crm.embedded.desk import Desk, NewThing
from relay.crm.embedded.items import merged
from relay.crm.embedded.shelf import Changes
from relay.crm.embedded.verbs.persons import addresses_in, one_person, people
from relay.crm.given import each, quiet, required, text
from relay.crm.limits import LONGEST_NAME, check_text
from relay.crm.model import Account, Stored
from relay.crm.moments import instant
from relay.crm.naming import named_values
from relay.crm.port import Author, Done, Operation, Result
from relay.crm.values import display, same
from relay.storage.crm_rows import lock_keys

PRIMARY = "primary_contact"


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Accounts in hand, by `key_of` their names: changed in memory, stored at the end."""

    desk: Desk
    now: dict[str, Account]
    new: dict[str, None] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)

    def upsert(
        self, name: str, values: Mapping[str, Stored | None], author: Author
    ) -> tuple[Account, bool, Changes]:
        """The account of that name, whether it is new, and what changed in it."""
        key = accounts.key_of(name)
        known = self.now.get(key)
        if known is None:
            made = self._make(name, values, author)
            return made, True, {}
        after, changes = laid_over(self.desk, known, values)
        if after is not known:
            self.now[key] = after
            if key not in self.new:
                self.changed[key] = None
        return after, False, changes

    def _make(self, name: str, values: Mapping[str, Stored | None], author: Author) -> Account:
        made = Account(
            id=record_id(instant(self.desk.now_ms)),
            name=check_text("name", name.strip(), LONGEST_NAME),
            values=merged({}, values),
            created_ms=self.desk.now_ms,
            modified_ms=self.desk.now_ms,
        )
        key = accounts.key_of(name)
        self.now[key] = made
        self.new[key] = None
        self.desk.touched.append(NewThing(thing=made, author=author))
        return made

    def save(self) -> None:
        desk = self.desk
        accounts.add(desk.conn, desk.org, [self.now[key] for key in self.new])
        accounts.save(desk.conn, [self.now[key] for key in self.changed])


def laid_over(
    desk: Desk, known: Account, values: Mapping[str, Stored | None], name: str | None = None
) -> tuple[Account, Changes]:
    """The account with new values; itself where they say nothing new."""
    fields = desk.schema.account_fields.by_id
    news = {
        id: value
        for id, value in values.items()
        if id in fields and not same(fields[id], known.values.get(id), value)
    }
    if not news and name in (None, known.name):
        return known, {}
    changes: Changes = {
        fields[id].slug: (
            display(fields[id], known.values.get(id), desk.people),
            display(fields[id], value, desk.people),
        )
        for id, value in news.items()
    }
    after = replace(
        known,
        name=known.name if name is None else name,
        values=merged(known.values, news),
        modified_ms=max(desk.now_ms, known.modified_ms + 1),
    )
    return after, changes


def ledger(desk: Desk, names: set[str]) -> Ledger:
    """The accounts of these names; a name without one is locked, so that two make one account."""
    found = accounts.lock_named(desk.conn, desk.org, names)
    absent = {key for name in names if (key := accounts.key_of(name)) not in found}
    if absent:
        lock_keys(desk.conn, [ordering_key(f"account:{desk.org}:{key}") for key in absent])
        found |= accounts.lock_named(desk.conn, desk.org, absent)
    return Ledger(desk=desk, now=found)


def upsert_account(desk: Desk, operations: Sequence[Operation]) -> list[Result]:
    """Accounts by name; fields that are given are laid over theirs."""
    book = ledger(desk, {name for op in operations if (name := quiet(op, "name"))})
    persons = people(desk, [quiet(op, "contact") for op in operations])
    fields = desk.schema.account_fields
    addressed = contacts.by_email(desk.conn, desk.org, addresses_in(fields, operations))
    sent = desk.sent(
        mapped=True, contacts={email: several[0].id for email, several in addressed.items()}
    )

    def work(operation: Operation) -> Done:
        name = required(operation, "name")
        values = named_values(fields, operation.params.get("fields"), sent)
        ref = text(operation, "contact")
        if ref is not None and PRIMARY in fields.by_id:
            values[PRIMARY] = one_person(persons, ref).id
        account, created, changes = book.upsert(name, values, operation.author)
        return Done(output={"id": account.id, "created": created}, changes=changes)

    results = each(operations, work)
    book.save()
    return results
