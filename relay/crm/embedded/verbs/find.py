"""`crm.find_item`: by our document number first, then by person; never a guess."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, select

from relay.core.errors import Filtered, InvalidInput, RelayError
from relay.crm.embedded import items
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.verbs.persons import note_of, people
from relay.crm.given import NOBODY, each, quiet, required, text, yes
from relay.crm.model import Contact, Item, List
from relay.crm.port import Done, Operation, Result
from relay.crm.several import REFUSE, choice, chosen, complaint, note
from relay.storage.sets import among
from relay.storage.tables.runs import bookings

_BOOKED = select(bookings.c.number, bookings.c.item_id).where(
    bookings.c.org_id == bindparam("org"), among(bookings.c.number, "ids")
)

_Found = Mapping[tuple[str, str], Sequence[Item]]


def find_item(desk: Desk, operations: Sequence[Operation]) -> list[Result]:
    """An item of a list. Several candidates are an error that names them; none ends the run,
    unless it is not `required`."""
    persons = people(desk, [_person(operation) for operation in operations])
    booked = _booked(desk, {quiet(op, "number") for op in operations} - {None})
    of_persons = _items_of(desk, operations, persons)

    def work(operation: Operation) -> Done:
        in_list = desk.schema.called(required(operation, "list"))
        item = booked.get(text(operation, "number") or "")
        if item is not None and item.list_id == in_list.id:
            return Done(output={"id": item.id, "found": True})
        ref = text(operation, "email") or text(operation, "contact")
        if ref is None and text(operation, "number") is None:
            raise InvalidInput("number, email or contact is needed")
        only_open = yes(operation, "open_only", default=True)
        several = _candidates(in_list, ref, persons, of_persons, only_open=only_open)
        if several:
            how = choice(operation, in_list, REFUSE)
            named = [f"{item.name} ({item.id})" for item in several]
            kind = "open items" if only_open else "items"
            meant = chosen(several, how, complaint(in_list, str(ref), named, kind=kind))
            noted = note_of(ref, persons) | note(in_list, len(several), how)
            return Done(output={"id": meant[0].id, "found": True, **noted})
        if yes(operation, "required", default=True):
            raise Filtered(NOBODY)
        return Done(output={"id": None, "found": False})

    return each(operations, work)


def _person(operation: Operation) -> str | None:
    return quiet(operation, "email") or quiet(operation, "contact")


def _booked(desk: Desk, numbers: set[str | None]) -> dict[str, Item]:
    """Items by the number of a document that was booked for them."""
    if not numbers:
        return {}
    rows = desk.conn.execute(_BOOKED, {"org": desk.org, "ids": list(numbers)}).all()
    known = items.read(desk.conn, desk.org, {row.item_id for row in rows})
    return {row.number: known[row.item_id] for row in rows if row.item_id in known}


def _items_of(
    desk: Desk, operations: Sequence[Operation], persons: Mapping[str, Sequence[Contact]]
) -> _Found:
    by_list: dict[str, set[str]] = defaultdict(set)
    for operation in operations:
        try:
            in_list = desk.schema.called(operation.params.get("list"))
        except RelayError:
            continue
        by_list[in_list.id] |= {one.id for one in persons.get(_person(operation) or "", ())}
    return {
        (list_id, contact): found
        for list_id, contacts in by_list.items()
        for contact, found in items.of_contacts(desk.conn, desk.org, list_id, contacts).items()
    }


def _candidates(
    in_list: List,
    ref: str | None,
    persons: Mapping[str, Sequence[Contact]],
    found: _Found,
    *,
    only_open: bool,
) -> list[Item]:
    theirs = [
        item
        for person in persons.get(ref or "", ())
        for item in found.get((in_list.id, person.id), ())
    ]
    distinct = sorted({item.id: item for item in theirs}.values(), key=_age)
    return [item for item in distinct if in_list.is_open(item.values)] if only_open else distinct


def _age(item: Item) -> tuple[int, str]:
    """Oldest first, whoever of several contacts it belongs to."""
    return item.created_ms, item.id
