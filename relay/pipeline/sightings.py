"""Items of a CRM elsewhere, compared with how they were last seen: every field that differs is one
transition, whoever sees it first.

The watch and the workers that write there see the same items. A shadow is changed under its lock,
in the transaction that stores the transitions; what is older than the shadow says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import Connection

from relay.crm.changes import Change, Created, Record, Removed, Told, Wanted
from relay.crm.model import Field, Item, List, Stored
from relay.crm.port import Author
from relay.crm.records import account_record, contact_record, item_record
from relay.crm.remote import Definitions
from relay.crm.remote.client import Wire
from relay.crm.remote.reading import account_of, contact_of, item_of, number, value_in
from relay.crm.values import display, same
from relay.pipeline import transitions
from relay.setups import Setup
from relay.storage import watch as stored
from relay.storage.connections import ConnectionRow
from relay.storage.watch import Shadow

_KEPT = ("id", "name", "accountId", "contactIds", "fieldValues", "createdDate", "modifiedDate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An item as the CRM told it between `asked_ms` and `told_ms` of our clock.

    before    how it was before a write of ours made it so
    author    who made it so, where that is us
    is_new    it was made after the watch began
    pass_no   the pass that met it
    """

    list_id: str
    item: Wire
    asked_ms: int
    told_ms: int
    before: Wire | None = None
    author: Author | None = None
    is_new: bool = False
    pass_no: int = 0

    @property
    def id(self) -> str:
        return str(self.item.get("id"))

    @property
    def modified_ms(self) -> int:
        return number(self.item.get("modifiedDate"))


@dataclass(slots=True, kw_only=True)
class Around:
    """Accounts and contacts of items whose records somebody wants, as they were read."""

    accounts: dict[str, Wire] = field(default_factory=dict)
    contacts: dict[str, Wire] = field(default_factory=dict)

    def join(self, other: "Around") -> None:
        """Takes in what another one knows."""
        self.accounts |= other.accounts
        self.contacts |= other.contacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Whose items, what their fields are, and what rules ask for."""

    org: int
    row: ConnectionRow
    definitions: Definitions
    wanted: Wanted
    around: Around

    @property
    def author(self) -> Author:
        """Whoever changes things there: the API does not say."""
        return Author(kind="sync", ref=self.row.name)


def watched(setup: Setup, row: ConnectionRow, definitions: Definitions) -> Watched:
    """The organization's, with nothing around its items yet."""
    return Watched(
        org=setup.organization.id,
        row=row,
        definitions=definitions,
        wanted=transitions.wanted(setup),
        around=Around(),
    )


def created(
    watched: Watched, kind: Literal["contact", "account"], wire: Wire, author: Author
) -> Created:
    """A contact or an account that we made."""
    record: Record | None = None
    name = str(wire.get("name") or "")
    if kind == "contact":
        person = contact_of(wire)
        name = person.name or ""
        record = {"item": None, "account": None, "contact": contact_record(person)}
    else:
        fields = watched.definitions.account_fields
        of_account = account_record(fields, account_of(fields, wire), watched.definitions.people)
        record = {"item": None, "account": of_account, "contact": None}
    return Created(
        org=watched.org,
        kind=kind,
        id=str(wire.get("id")),
        name=name,
        list_id=None,
        list_title=None,
        at_ms=number(wire.get("modifiedDate")),
        author=author,
        record=record if watched.wanted(None, None) else None,
    )


def note(conn: Connection, watched: Watched, sightings: Sequence[Sighting]) -> list[Told]:
    """Keeps the items as they are now; what that changes, in order."""
    known = [one for one in sightings if one.list_id in watched.definitions.by_id]
    first = {one.id: one for one in reversed(known)}
    new = stored.add_shadows(
        conn, watched.org, watched.row.id, {id: _shadow(watched, one) for id, one in first.items()}
    )
    shadows = stored.locked_shadows(conn, watched.row.id, sorted(set(first) - new))
    changed: dict[str, Shadow] = {}
    told: list[Told] = []
    for one in known:
        before = changed.get(one.id) or shadows.get(one.id)
        if before is None:
            told += _first_seen(watched, one)
            shadows[one.id] = _shadow(watched, one)
        elif after := _ours_on(watched, before, one) if one.author else _newer(before, one):
            told += _changes(watched, one, before.item, after.item)
            changed[one.id] = after
    stored.keep_shadows(conn, watched.org, watched.row.id, changed)
    return told


def would_tell(watched: Watched, one: Sighting, before: Wire | None) -> list[str | None]:
    """Which fields would change, by slug; [None] for a new item. To know whose records to read."""
    if one.list_id not in watched.definitions.by_id:
        return []
    if before is None:
        return [None] if one.is_new else []
    in_list = watched.definitions.by_id[one.list_id]
    return [field.slug for field, _, _ in _differences(in_list, before, one.item)]


def gone(conn: Connection, watched: Watched, ids: Sequence[str], now_ms: int) -> list[Told]:
    """The items are no longer there; should they come back, they are not new."""
    shadows = stored.locked_shadows(conn, watched.row.id, ids)
    there = {id: one for id, one in shadows.items() if not one.gone}
    stored.keep_shadows(
        conn, watched.org, watched.row.id, {id: replace(s, gone=True) for id, s in there.items()}
    )
    lists = watched.definitions.by_id
    return [
        Removed(
            org=watched.org,
            id=id,
            name=str(one.item.get("name") or ""),
            list_id=one.list_id,
            list_title=lists[one.list_id].title if one.list_id in lists else one.list_id,
            at_ms=now_ms,
            author=watched.author,
            record={"item": {"id": id, "name": one.item.get("name")}},
        )
        for id, one in there.items()
    ]


def _shadow(watched: Watched, one: Sighting) -> Shadow:
    """The first of an item. Of what we wrote it has our own changes alone: the others are for the
    watch to tell."""
    item = one.item if one.before is None else _ours(watched, one, one.before)
    return Shadow(
        list_id=one.list_id,
        item={key: item.get(key) for key in _KEPT},
        modified_ms=number(item.get("modifiedDate")),
        seen_ms=one.told_ms,
        pass_no=one.pass_no,
        gone=False,
    )


def _newer(before: Shadow, one: Sighting) -> Shadow | None:
    """The shadow as the sighting makes it; None where it is the older of the two. The CRM's own
    time decides; where that went back, whether we asked after we had seen the other."""
    if one.modified_ms <= before.modified_ms and one.asked_ms < before.seen_ms:
        return None
    item = {key: one.item.get(key) for key in _KEPT}
    if item == before.item and not before.gone and one.pass_no <= before.pass_no:
        return None
    return Shadow(
        list_id=one.list_id,
        item=item,
        modified_ms=one.modified_ms,
        seen_ms=one.told_ms,
        pass_no=max(one.pass_no, before.pass_no),
        gone=False,
    )


def _ours_on(watched: Watched, before: Shadow, one: Sighting) -> Shadow | None:
    """The shadow with what we changed laid on it; None where the watch was there first."""
    if one.before is None or one.modified_ms <= before.modified_ms:
        return None
    item = _ours(watched, one, before.item)
    return replace(before, item=item, seen_ms=max(one.told_ms, before.seen_ms), gone=False)


def _ours(watched: Watched, one: Sighting, before: Wire) -> Wire:
    """An item with the values that a write of ours changed."""
    in_list = watched.definitions.by_id[one.list_id]
    values, after = dict(_values(before)), _values(one.item)
    for field_, _, _ in _differences(in_list, one.before or {}, one.item):
        values.pop(field_.id, None)
        if field_.id in after:
            values[field_.id] = after[field_.id]
    return {**before, "fieldValues": values}


def _values(item: Wire) -> Wire:
    found = item.get("fieldValues")
    return found if isinstance(found, Mapping) else {}


def _first_seen(watched: Watched, one: Sighting) -> list[Told]:
    if one.before is not None:
        return _changes(watched, one, one.before, _ours(watched, one, one.before))
    if not one.is_new:
        return []
    in_list = watched.definitions.by_id[one.list_id]
    item = item_of(in_list, one.item)
    wants = watched.wanted(in_list.title, None)
    return [
        Created(
            org=watched.org,
            kind="item",
            id=item.id,
            name=item.name,
            list_id=in_list.id,
            list_title=in_list.title,
            at_ms=item.created_ms,
            author=one.author or watched.author,
            record=_record(watched, in_list, item) if wants else None,
        )
    ]


def _changes(watched: Watched, one: Sighting, before: Wire, after: Wire) -> list[Told]:
    in_list, people = watched.definitions.by_id[one.list_id], watched.definitions.people
    differences = _differences(in_list, before, after)
    wants = {
        field_.slug: watched.wanted(in_list.title, field_.slug) for field_, _, _ in differences
    }
    record: Record | None = None
    if any(wants.values()):
        record = _record(watched, in_list, item_of(in_list, one.item))
    return [
        Change(
            org=watched.org,
            list_id=in_list.id,
            list_title=in_list.title,
            item_id=one.id,
            item_name=str(one.item.get("name") or ""),
            field_slug=field_.slug,
            from_display=display(field_, was, people),
            to_display=display(field_, is_, people),
            at_ms=one.modified_ms,
            author=one.author or watched.author,
            record=record if wants[field_.slug] else None,
        )
        for field_, was, is_ in differences
    ]


def _differences(
    in_list: List, before: Wire, after: Wire
) -> list[tuple[Field, Stored | None, Stored | None]]:
    had, has = _values(before), _values(after)
    # What is written alike need not be read.
    changed = [f for f in in_list.fields.all if f.is_editable and had.get(f.id) != has.get(f.id)]
    read = [(one, value_in(one, before), value_in(one, after)) for one in changed]
    return [(one, was, is_) for one, was, is_ in read if not same(one, was, is_)]


def _record(watched: Watched, in_list: List, item: Item) -> Record:
    around, definitions = watched.around, watched.definitions
    account = around.accounts.get(item.account_id or "")
    people = [contact_of(around.contacts[id]) for id in item.contact_ids if id in around.contacts]
    fields = definitions.account_fields
    return {
        "item": item_record(in_list, item, people, definitions.people),
        "account": account_record(fields, account_of(fields, account), definitions.people)
        if account
        else None,
        "contact": contact_record(people[0]) if people else None,
    }


def record_of(watched: Watched, list_id: str, wire: Wire) -> Record:
    """An item as rules see it, with what was read around it."""
    in_list = watched.definitions.by_id[list_id]
    return _record(watched, in_list, item_of(in_list, wire))


def refs(items: Sequence[Wire]) -> tuple[list[str], list[str]]:
    """The accounts and the contacts that these items name."""
    accounts = {str(one["accountId"]): None for one in items if one.get("accountId")}
    people: dict[str, None] = {}
    for one in items:
        ids = one.get("contactIds")
        people |= dict.fromkeys(str(id) for id in ids if id) if isinstance(ids, list) else {}
    return list(accounts), list(people)
