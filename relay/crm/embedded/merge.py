"""Two contacts that are one person: the survivor takes everything over."""

from dataclasses import replace

from relay.core.errors import InvalidInput, NotFound
from relay.crm.embedded import contacts, items, stream
from relay.crm.embedded.desk import Desk, NewThing
from relay.crm.embedded.shelf import Edit, Shelf
from relay.crm.model import Contact, Item, ListType
from relay.crm.port import Author
from relay.crm.properties import with_new


def merge(desk: Desk, survivor_id: str, absorbed_id: str, author: Author) -> Contact:
    """The survivor with all addresses, numbers and items of the absorbed one, which is archived.

    Raises NotFound; InvalidInput where both have an item on one contact list, for its items have
    exactly one contact and nothing is ever deleted.
    """
    if survivor_id == absorbed_id:
        raise InvalidInput("a contact cannot be merged with itself")
    held = contacts.lock(desk.conn, desk.org, {survivor_id, absorbed_id})
    for id in (survivor_id, absorbed_id):
        if id not in held:
            raise NotFound(f"there is no contact {id!r}")
    survivor, absorbed = held[survivor_id], held[absorbed_id]
    _hand_over(desk, absorbed_id, survivor_id, author)
    kept = {key: entries for key, entries in absorbed.properties.items() if entries}
    properties = with_new(kept, survivor.properties, union=tuple({*kept, *survivor.properties}))
    after = replace(
        survivor,
        properties=properties,
        modified_ms=max(desk.now_ms, survivor.modified_ms + 1),
    )
    stream.hand_over(desk.conn, desk.org, absorbed_id, survivor_id)
    contacts.archive(desk.conn, desk.org, absorbed, into=survivor_id)
    contacts.save(desk.conn, desk.org, [after], {survivor_id})
    if desk.wanted(None, "contact.updated"):
        desk.touched.append(NewThing(thing=after, author=author, is_new=False))
    return after


def _hand_over(desk: Desk, old: str, new: str, author: Author) -> None:
    theirs: dict[str, Item] = {}
    for in_list in desk.schema.lists:
        mine = items.of_contacts(desk.conn, desk.org, in_list.id, [old, new])
        if in_list.type is ListType.CONTACT and mine.get(old) and mine.get(new):
            raise InvalidInput(f"both contacts have an item on {in_list.title}: delete one first")
        theirs |= {item.id: item for item in mine.get(old, ())}
    shelf = Shelf(desk=desk, items=items.lock(desk.conn, desk.org, set(theirs)))
    for item in list(shelf.items.values()):
        contact_ids = dict.fromkeys(new if id == old else id for id in item.contact_ids)
        shelf.change(item, Edit(contact_ids=tuple(contact_ids)), author)
    shelf.save()
