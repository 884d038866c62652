"""The record behind a change, as rules bind it; made for a whole batch with two statements."""

from collections.abc import Sequence

from relay.crm import records as shared
from relay.crm.changes import REMOVED, Change, Created, Record, Removed, Told
from relay.crm.embedded import accounts, contacts, stream
from relay.crm.embedded.desk import Desk, NewThing, Touched
from relay.crm.embedded.stream import Post
from relay.crm.model import Account, Contact, Item, List
from relay.crm.port import Author
from relay.crm.records import contact_record, item_record
from relay.crm.values import display


def flush(desk: Desk) -> None:
    """Turns what was touched into changes, in order, with the records that are wanted."""
    if not desk.touched:
        return
    touched, desk.touched = desk.touched, []
    lists = desk.schema.by_id
    kept = [
        one
        for one in touched
        if isinstance(one, Touched) and _wants(desk, lists[one.item.list_id], one)
    ]
    records = _records(desk, [one.item for one in kept])
    wanted = {id(one) for one in kept}
    for one in touched:
        if isinstance(one, NewThing):
            desk.changes.append(_created(desk, one))
            continue
        if isinstance(one, Post):
            desk.changes.append(_posted(desk, one))
            continue
        record = records[one.item] if id(one) in wanted else None
        desk.changes.extend(_changes(desk, lists[one.item.list_id], one, record))


def _wants(desk: Desk, in_list: List, one: Touched) -> bool:
    slugs = [None] if one.is_new else [field.slug for field, _, _ in one.fields]
    return any(desk.wanted(in_list.title, slug) for slug in slugs)


def _created(desk: Desk, one: NewThing) -> Created:
    record = None
    if desk.wanted(None, None if one.is_new else "contact.updated"):
        record = one_record(desk, one.thing)
    return Created(
        org=desk.org,
        kind="account" if isinstance(one.thing, Account) else "contact",
        id=one.thing.id,
        name=one.thing.name or "",
        list_id=None,
        list_title=None,
        at_ms=one.thing.created_ms if one.is_new else desk.now_ms,
        author=one.author,
        record=record,
        verb="created" if one.is_new else "updated",
    )


def post(desk: Desk, posts: Sequence[Post]) -> None:
    """Posts entries in the Stream; they become changes where somebody wants to hear of them."""
    stream.post(desk.conn, desk.org, posts, desk.now_ms, desk.bundle)
    if desk.wanted(None, "stream.posted"):
        desk.touched.extend(posts)


def _posted(desk: Desk, one: Post) -> Created:
    shown = ("subject", "body", "item_id", "account_id", "contact_id")
    entry = {name: getattr(one, name) for name in shown}
    return Created(
        org=desk.org,
        kind="stream",
        id=one.item_id or one.account_id or one.contact_id or "",
        name=one.subject,
        list_id=None,
        list_title=None,
        at_ms=desk.now_ms,
        author=one.author,
        record={"item": None, "account": None, "contact": None, "entry": entry},
        verb="posted",
        item_id=one.item_id,
    )


def removed(desk: Desk, item: Item, author: Author) -> None:
    """An item that is about to go becomes a change, with its record where that is wanted."""
    in_list = desk.schema.by_id[item.list_id]
    record = _records(desk, [item])[item] if desk.wanted(in_list.title, REMOVED) else None
    desk.changes.append(
        Removed(
            org=desk.org,
            id=item.id,
            name=item.name,
            list_id=in_list.id,
            list_title=in_list.title,
            at_ms=desk.now_ms,
            author=author,
            record=record,
        )
    )


def one_record(desk: Desk, thing: Account | Contact) -> Record:
    """The record of an account or a contact alone."""
    if isinstance(thing, Account):
        return {"item": None, "account": account_record(desk, thing), "contact": None}
    return {"item": None, "account": None, "contact": contact_record(thing)}


def _changes(desk: Desk, in_list: List, one: Touched, record: Record | None) -> list[Told]:
    item = one.item
    if one.is_new:
        made = Created(
            org=desk.org,
            kind="item",
            id=item.id,
            name=item.name,
            list_id=in_list.id,
            list_title=in_list.title,
            at_ms=item.modified_ms,
            author=one.author,
            record=record,
        )
        return [made]
    return [
        Change(
            org=desk.org,
            list_id=in_list.id,
            list_title=in_list.title,
            item_id=item.id,
            item_name=item.name,
            field_slug=field.slug,
            from_display=display(field, before, desk.people),
            to_display=display(field, after, desk.people),
            at_ms=item.modified_ms,
            author=one.author,
            record=record if desk.wanted(in_list.title, field.slug) else None,
        )
        for field, before, after in one.fields
    ]


class _ByItem(dict[int, Record]):
    """Records by the very item: two states of one item are two records."""

    def __getitem__(self, item: object) -> Record:
        return super().__getitem__(id(item))


def _records(desk: Desk, wanted: Sequence[Item]) -> _ByItem:
    of_account = accounts.read(
        desk.conn, desk.org, {item.account_id for item in wanted if item.account_id}
    )
    of_contact = contacts.read(
        desk.conn, desk.org, {contact for item in wanted for contact in item.contact_ids}
    )
    made = _ByItem()
    for item in wanted:
        account = of_account.get(item.account_id or "")
        people = [of_contact[id] for id in item.contact_ids if id in of_contact]
        made[id(item)] = {
            "item": item_record(desk.schema.by_id[item.list_id], item, people, desk.people),
            "account": account_record(desk, account) if account else None,
            "contact": contact_record(people[0]) if people else None,
        }
    return made


def records(desk: Desk, wanted: Sequence[Item]) -> list[Record]:
    """The records of items as they are now, in the order given."""
    made = _records(desk, wanted)
    return [made[item] for item in wanted]


def account_record(desk: Desk, account: Account) -> dict[str, object]:
    """The account as rules read it."""
    return shared.account_record(desk.schema.account_fields, account, desk.people)
