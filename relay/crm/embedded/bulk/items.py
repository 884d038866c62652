"""List items of a file: with their accounts and contacts, who are made where they are not there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from relay.core.errors import InvalidInput, RelayError
from relay.core.ids import record_id
from relay.crm.embedded import contacts, items
from relay.crm.embedded.book import Book, found_or_locked
from relay.crm.embedded.bulk.fields import sent_for, values_of
from relay.crm.embedded.bulk.outcome import CREATED, SAME, UPDATED, Outcome, several
from relay.crm.embedded.desk import Desk, NewThing
from relay.crm.embedded.shelf import Edit, Shelf
from relay.crm.embedded.verbs.accounts import Ledger, ledger
from relay.crm.embedded.verbs.create import check_shape, name_for
from relay.crm.given import address
from relay.crm.limits import LONGEST_NAME, one_line
from relay.crm.model import Contact, Item, List, ListType, Stored
from relay.crm.moments import instant
from relay.crm.port import Author
from relay.crm.values import Sent
from relay.storage.rows import Row

_TOLD = frozenset({"id", "name", "account", "contacts", "contact", "created_at", "modified_at"})
MATCHES = ("contact", "account")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line about an item. `key` is of the file and the line: read again, it makes no second."""

    id: str | None
    name: str | None
    account: str | None
    contacts: Sequence[str]
    values: Mapping[str, Stored | None]
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where lines go. `match`: an item with the line's contact or account is that item; None: a
    line without an id is a new item. `digest` is the file's."""

    list_id: str
    digest: str
    match: str | None = None


@dataclass(slots=True, kw_only=True)
class _Chunk:
    """What a chunk of lines works with."""

    plan: Plan
    in_list: List
    shelf: Shelf
    book: Book
    ledger: Ledger
    author: Author
    before: Mapping[str, Item]
    matched: dict[str, str] = field(default_factory=dict)  # contact's or account's id → item's id


def prepare(desk: Desk, rows: Sequence[Row], plan: Plan) -> list[Line | RelayError]:
    """What the lines say; an id of an item or a contact has to be there."""
    in_list = desk.schema.list(plan.list_id)
    sent = sent_for(desk, in_list.fields, rows)
    prepared: list[Line | RelayError] = []
    for row in rows:
        try:
            prepared.append(_line(in_list, row, sent, plan))
        except RelayError as error:
            prepared.append(error)
    good = [one for one in prepared if isinstance(one, Line)]
    known = items.read(desk.conn, desk.org, {one.id for one in good if one.id})
    people = contacts.read(
        desk.conn, desk.org, {ref for one in good for ref in one.contacts if "@" not in ref}
    )
    return [_present(one, plan, known, people) if isinstance(one, Line) else one
            for one in prepared]  # fmt: skip


def store(desk: Desk, lines: Sequence[Line], author: Author, plan: Plan) -> list[Outcome]:
    """A point of contact is added and never taken away; a name and a value take their place."""
    emails = {ref for line in lines for ref in line.contacts if "@" in ref}
    ids = {ref for line in lines for ref in line.contacts if "@" not in ref}
    chunk = _Chunk(
        plan=plan,
        in_list=desk.schema.list(plan.list_id),
        shelf=Shelf(desk=desk),
        book=Book(
            desk=desk,
            found=found_or_locked(desk, emails),
            now=contacts.read(desk.conn, desk.org, ids),
        ),
        ledger=ledger(desk, {line.account for line in lines if line.account}),
        author=author,
        before=items.made_by(desk.conn, desk.org, {line.key for line in lines if not line.id}),
    )
    _hold(chunk, lines)
    outcomes = [_one(chunk, line) for line in lines]
    chunk.ledger.save()
    chunk.book.save()
    chunk.shelf.save()
    return outcomes


def _hold(chunk: _Chunk, lines: Sequence[Line]) -> None:
    """Locks the items that the lines mean, by id or by what they match."""
    desk, list_id = chunk.shelf.desk, chunk.plan.list_id
    if chunk.plan.match == "contact":
        people = {one.id for them in chunk.book.found.values() for one in them[:1]}
        found = items.of_contacts(desk.conn, desk.org, list_id, people | chunk.book.now.keys())
        chunk.matched = {id: them[0].id for id, them in found.items()}
    elif chunk.plan.match == "account":
        firms = {one.id for one in chunk.ledger.now.values()}
        found = items.of_accounts(desk.conn, desk.org, list_id, firms)
        chunk.matched = {id: them[0].id for id, them in found.items()}
    wanted = {line.id for line in lines if line.id} | set(chunk.matched.values())
    chunk.shelf.items = items.lock(desk.conn, desk.org, wanted)


def _one(chunk: _Chunk, line: Line) -> Outcome:
    if line.id is None and line.key in chunk.before:
        return SAME
    people = [_contact(chunk, ref, line) for ref in line.contacts]
    account = None
    if line.account:
        account, _, _ = chunk.ledger.upsert(line.account, {}, chunk.author)
    edit = Edit(
        values=line.values,
        name=line.name,
        account_id=account.id if account else None,
        contact_ids=tuple(dict.fromkeys(one.id for one in people)) or None,
    )
    key = _matched_by(chunk.plan, edit)
    id = line.id or chunk.matched.get(key or "")
    if id in chunk.shelf.items:
        return _change(chunk, chunk.shelf.items[id], edit)
    person = people[0] if people else None
    named = replace(edit, name=edit.name or name_for(chunk.in_list, person, account))
    made = chunk.shelf.make(chunk.in_list, named, chunk.author, key=line.key)
    if key:
        chunk.matched[key] = made.id
    return CREATED


def _matched_by(plan: Plan, edit: Edit) -> str | None:
    match plan.match:
        case "contact":
            return edit.contact_ids[0] if edit.contact_ids else None
        case "account":
            return edit.account_id
        case _:
            return None


def _change(chunk: _Chunk, item: Item, edit: Edit) -> Outcome:
    people = None
    if chunk.in_list.type is ListType.ACCOUNT:
        people = tuple(dict.fromkeys((*item.contact_ids, *(edit.contact_ids or ()))))
    chunk.shelf.change(item, replace(edit, contact_ids=people), chunk.author)
    return SAME if chunk.shelf.items[item.id] is item else UPDATED


def _contact(chunk: _Chunk, ref: str, line: Line) -> Contact:
    if ref in chunk.book.now:
        return chunk.book.now[ref]
    for person in chunk.book.found.get(ref, ())[:1]:
        return person
    desk = chunk.book.desk
    properties = {"email": [{"value": ref, "metadata": {"primary": "true"}}]}
    if line.name and chunk.in_list.type is ListType.CONTACT:
        properties["name"] = [{"value": line.name, "metadata": {}}]
    person = Contact(
        id=record_id(instant(desk.now_ms)),
        properties=properties,
        created_ms=desk.now_ms,
        modified_ms=desk.now_ms,
    )
    chunk.book.add(person)
    desk.touched.append(NewThing(thing=person, author=chunk.author))
    return person


def _line(in_list: List, row: Row, sent: Sent, plan: Plan) -> Line:
    values = row.values
    given = {key: value for key, value in values.items() if key not in _TOLD}
    people = [
        address(ref) if "@" in ref else ref
        for key in ("contact", "contacts")
        for ref in several(key, values.get(key) or "")
    ]
    account, id = _text(values, "account"), _text(values, "id")
    if id is None:
        check_shape(in_list, contacts=len(people), account=account is not None)
    elif in_list.type is ListType.CONTACT and account is not None:
        check_shape(in_list, contacts=1, account=True)
    return Line(
        id=id,
        name=_text(values, "name"),
        account=account,
        contacts=people,
        values=values_of(in_list.fields, given, sent),
        key=f"import:{plan.list_id}:{plan.digest}:{row.number}",
    )


def _text(values: Mapping[str, object], name: str) -> str | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text", {name: ["must be text"]})
    return one_line(name, value.strip(), LONGEST_NAME) or None


def _present(
    line: Line, plan: Plan, known: Mapping[str, Item], people: Mapping[str, Contact]
) -> Line | RelayError:
    if line.id is not None and (line.id not in known or known[line.id].list_id != plan.list_id):
        return InvalidInput(f"there is no list item {line.id!r} on this list")
    absent = [ref for ref in line.contacts if "@" not in ref and ref not in people]
    return InvalidInput(f"there is no contact {absent[0]!r}") if absent else line
