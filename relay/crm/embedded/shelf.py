"""Items in hand: changed in memory, in order, and stored at the end with one statement a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from relay.core.errors import NotFound
from relay.core.ids import record_id
from relay.crm.embedded import items
from relay.crm.embedded.desk import Desk, Touched
from relay.crm.model import CLOSE_FIELD, Field, Item, List, Stored
from relay.crm.moments import instant
from relay.crm.port import Author
from relay.crm.values import display, same

NO_NAME = "(No Name)"
# Recorded for every item that was made through the API on a list with a Close Date.
CLOSES_AFTER_MS = 30 * 24 * 60 * 60 * 1000

Changes = dict[str, tuple[object, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What an item is to become; None leaves a thing as it is, in `values` it clears."""

    values: Mapping[str, Stored | None] = field(default_factory=dict)
    name: str | None = None
    account_id: str | None = None
    contact_ids: tuple[str, ...] | None = None
    linked: Mapping[str, object] | None = None


@dataclass(slots=True, kw_only=True)
class Shelf:
    """The items of one batch as they are by now."""

    desk: Desk
    items: dict[str, Item] = field(default_factory=dict)
    new: dict[str, None] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    makers: dict[str, str] = field(default_factory=dict)

    def get(self, id: str) -> Item:
        """Raises NotFound."""
        item = self.items.get(id)
        if item is None:
            raise NotFound(f"there is no list item {id!r}")
        return item

    def change(self, item: Item, edit: Edit, author: Author) -> Changes:
        """Lays the edit over the item; an edit that changes nothing leaves no mark."""
        in_list = self.desk.schema.list(item.list_id)
        fields = [
            (one, item.values.get(id), value)
            for id, value in edit.values.items()
            if (one := in_list.fields.by_id.get(id)) is not None
            and not same(one, item.values.get(id), value)
        ]
        after = replace(
            item,
            name=item.name if edit.name is None else edit.name,
            account_id=item.account_id if edit.account_id is None else edit.account_id,
            contact_ids=item.contact_ids if edit.contact_ids is None else edit.contact_ids,
            linked=item.linked if edit.linked is None else edit.linked,
            values=items.merged(item.values, {one.id: value for one, _, value in fields}),
        )
        if after == item:
            return {}
        # It always advances, or a status that came back within a millisecond would look unchanged.
        after = replace(after, modified_ms=max(self.desk.now_ms, item.modified_ms + 1))
        self._put(after, moved=after.contact_ids != item.contact_ids)
        if fields:
            self.desk.touched.append(Touched(item=after, author=author, fields=fields))
        return self._told(item, after, fields)

    def stamp(self, item: Item) -> None:
        """Moves the item's modified date alone: it was written, and says what it said."""
        later = max(self.desk.now_ms, item.modified_ms + 1)
        self._put(replace(item, modified_ms=later), moved=False)

    def make(self, in_list: List, edit: Edit, author: Author, *, key: str | None = None) -> Item:
        """A new item; it is called `(No Name)` where it is given none."""
        now = self.desk.now_ms
        values = items.merged({}, edit.values)
        if CLOSE_FIELD in in_list.fields.by_id:
            values.setdefault(CLOSE_FIELD, str(now + CLOSES_AFTER_MS))
        item = Item(
            id=record_id(instant(now)),
            list_id=in_list.id,
            name=edit.name or NO_NAME,
            account_id=edit.account_id,
            contact_ids=edit.contact_ids or (),
            values=values,
            created_ms=now,
            modified_ms=now,
            linked=edit.linked or {},
        )
        self.items[item.id] = item
        self.new[item.id] = None
        if key:
            self.makers[item.id] = key
        self.desk.touched.append(Touched(item=item, author=author, is_new=True))
        return item

    def save(self) -> None:
        """Stores everything that was made or changed."""
        desk = self.desk
        items.add(desk.conn, desk.org, [self.items[id] for id in self.new], self.makers)
        changed = [self.items[id] for id in sorted(self.changed)]
        items.save(desk.conn, desk.org, changed, self.moved)
        desk.held |= self.items

    def _put(self, item: Item, *, moved: bool) -> None:
        self.items[item.id] = item
        if item.id in self.new:
            return
        self.changed.add(item.id)
        if moved:
            self.moved.add(item.id)

    def _told(
        self, item: Item, after: Item, fields: list[tuple[Field, Stored | None, Stored | None]]
    ) -> Changes:
        people = self.desk.people
        told: Changes = {
            one.slug: (display(one, before, people), display(one, value, people))
            for one, before, value in fields
        }
        if after.name != item.name:
            told["name"] = (item.name, after.name)
        if after.contact_ids != item.contact_ids:
            told["contacts"] = (list(item.contact_ids), list(after.contact_ids))
        return told
