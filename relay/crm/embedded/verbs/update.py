"""`crm.update_item` and `crm.add_contact`: items changed; equal values are not sent again."""

from collections.abc import Sequence

from relay.core.errors import InvalidInput
from relay.crm.embedded import items
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.shelf import Edit, Shelf
from relay.crm.embedded.verbs.persons import one_person, people
from relay.crm.given import each, item_of, quiet, refs, required, text
from relay.crm.model import List, ListType
from relay.crm.naming import named_values
from relay.crm.port import Done, Operation, Result


def update_item(desk: Desk, operations: Sequence[Operation]) -> list[Result]:
    """Sets fields, name and points of contact of items; several operations on one item fold."""
    shelf = _shelf(desk, operations)
    asked = [ref for op in operations for ref in refs(op, "contacts") or ()]
    persons = people(desk, asked)
    sent = desk.sent(mapped=True)

    def work(operation: Operation) -> Done:
        item = shelf.get(item_of(operation))
        in_list = desk.schema.list(item.list_id)
        named, given = text(operation, "name"), refs(operation, "contacts")
        if in_list.type is ListType.CONTACT and (named is not None or given is not None):
            raise InvalidInput(f"{in_list.title} is about contacts: its items keep their contact")
        chosen = None if not given else tuple(one_person(persons, ref).id for ref in given)
        edit = Edit(
            values=named_values(in_list.fields, operation.params.get("fields"), sent),
            name=named,
            contact_ids=None if chosen is None else tuple(dict.fromkeys(chosen)),
        )
        return Done(output={"id": item.id}, changes=shelf.change(item, edit, operation.author))

    results = each(operations, work)
    shelf.save()
    return results


def add_contact(desk: Desk, operations: Sequence[Operation]) -> list[Result]:
    """Adds a person to an item's points of contact, never replacing one."""
    shelf = _shelf(desk, operations)
    persons = people(desk, [quiet(op, "contact") for op in operations])

    def work(operation: Operation) -> Done:
        person = one_person(persons, required(operation, "contact"))
        item = shelf.get(item_of(operation))
        in_list: List = desk.schema.list(item.list_id)
        if person.id in item.contact_ids:
            return Done(output={"id": item.id})
        if in_list.type is ListType.CONTACT:
            raise InvalidInput(f"{in_list.title} is about contacts: its items have exactly one")
        edit = Edit(contact_ids=(*item.contact_ids, person.id))
        return Done(output={"id": item.id}, changes=shelf.change(item, edit, operation.author))

    results = each(operations, work)
    shelf.save()
    return results


def _shelf(desk: Desk, operations: Sequence[Operation]) -> Shelf:
    ids = {id for op in operations if (id := quiet(op, "item") or op.item)}
    held = {id: desk.held[id] for id in ids & desk.held.keys()}
    return Shelf(desk=desk, items=held | items.lock(desk.conn, desk.org, ids - held.keys()))
