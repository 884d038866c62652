"""`crm.create_item`: made once, or, with `match`, the item that is there is updated."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from relay.core.errors import Filtered, InvalidInput, RelayError
from relay.core.ids import ordering_key
from relay.crm.embedded import accounts, items
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.shelf import Changes, Edit, Shelf
from relay.crm.embedded.verbs.persons import note_of, one_person, people
from relay.crm.given import quiet, required, text, yes
from relay.crm.model import Account, Contact, Item, List, ListType, Stored
from relay.crm.naming import named_values, nearest
from relay.crm.port import Done, Operation, Result
from relay.crm.several import USUAL, choice, chosen, complaint, note
from relay.storage.crm_rows import lock_keys

# What an item is looked for by: list, `contact`, `account` or a field's id, and the value.
Key = tuple[str, str, str]
_PEOPLE = ("contact", "account")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    operation: Operation
    in_list: List
    edit: Edit
    initial: Mapping[str, Stored | None]
    key: Key | None
    note: Mapping[str, object]
    called: str | None
    whose: str
    creates: bool


def create_item(desk: Desk, operations: Sequence[Operation]) -> list[Result]:
    """New items, or those that match, updated: which of several is a parameter."""
    plans = _plans(desk, operations)
    ready = [plan for plan in plans if isinstance(plan, _Plan)]
    found = _matches(desk, {plan.key for plan in ready if plan.key})
    before = items.made_by(
        desk.conn, desk.org, {p.operation.key for p in ready if p.key is None and p.operation.key}
    )
    held = _held(desk, found)
    shelf = Shelf(desk=desk, items=held)
    ids: dict[Key, list[str]] = {
        key: [item.id for item in several if item.id in held] for key, several in found.items()
    }
    results: list[Result] = []
    for plan in plans:
        if not isinstance(plan, _Plan):
            results.append(plan)
            continue
        try:
            results.append(_carry_out(shelf, plan, ids, before))
        except RelayError as error:
            results.append(error)
    shelf.save()
    return results


def _held(desk: Desk, found: Mapping[Key, Sequence[Item]]) -> dict[str, Item]:
    """The items, locked: those that were looked for by a field's value are so only now."""
    held = {
        item.id: item
        for (_, kind, _), several in found.items()
        if kind in _PEOPLE
        for item in several
    }
    loose = {item.id for several in found.values() for item in several} - held.keys()
    return held | items.lock(desk.conn, desk.org, loose)


def _carry_out(
    shelf: Shelf, plan: _Plan, ids: dict[Key, list[str]], before: dict[str, Item]
) -> Done:
    if plan.key is None and plan.operation.key in before:
        return Done(output={"id": before[plan.operation.key].id, "created": False})
    if plan.key is not None and ids.get(plan.key):
        return _update(shelf, plan, [shelf.get(id) for id in ids[plan.key]])
    if not plan.creates:
        raise Filtered(f"no item of {plan.in_list.title} found")
    # A step that matches may make an item again after somebody has deleted it.
    maker = plan.operation.key if plan.key is None else None
    values = {**plan.initial, **plan.edit.values}
    edit = replace(plan.edit, values=values, name=plan.edit.name or plan.called)
    item = shelf.make(plan.in_list, edit, plan.operation.author, key=maker)
    if plan.key is not None:
        ids[plan.key] = [item.id]
    elif plan.operation.key:
        before[plan.operation.key] = item
    return Done(output={"id": item.id, "created": True, **plan.note})


def _update(shelf: Shelf, plan: _Plan, several: Sequence[Item]) -> Done:
    """Lays the fields over the one that is meant, or over all of them."""
    how = choice(plan.operation, plan.in_list, USUAL)
    named = [f"{item.name} ({item.id})" for item in several]
    meant = chosen(several, how, complaint(plan.in_list, plan.whose, named))
    changes: Changes = {}
    for item in meant:
        # What is there keeps its people and its account: an upsert takes nothing away.
        kept = item.contact_ids
        added = tuple(id for id in plan.edit.contact_ids or () if id not in kept)
        edit = replace(
            plan.edit,
            contact_ids=(*kept, *added) if plan.in_list.type is ListType.ACCOUNT else None,
            account_id=item.account_id or plan.edit.account_id,
        )
        changes |= shelf.change(item, edit, plan.operation.author)
    output = {"id": meant[0].id, "created": False, **plan.note}
    return Done(output=output | note(plan.in_list, len(several), how), changes=changes)


def _plans(desk: Desk, operations: Sequence[Operation]) -> list[_Plan | RelayError]:
    persons = people(desk, [quiet(op, "contact") for op in operations])
    firms = accounts.read(
        desk.conn, desk.org, {ref for op in operations if (ref := quiet(op, "account"))}
    )
    plans: list[_Plan | RelayError] = []
    for operation in operations:
        try:
            plans.append(_plan(desk, operation, persons, firms))
        except RelayError as error:
            plans.append(error)
    return plans


def _plan(
    desk: Desk,
    operation: Operation,
    persons: Mapping[str, Sequence[Contact]],
    firms: Mapping[str, Account],
) -> _Plan:
    in_list = desk.schema.called(required(operation, "list"))
    ref = text(operation, "contact")
    person = one_person(persons, ref) if ref else None
    account = _account(operation, firms)
    who = (person.name or person.email) if person else None
    check_shape(in_list, contacts=int(person is not None), account=account is not None)
    sent = desk.sent(mapped=True)
    edit = Edit(
        values=named_values(in_list.fields, operation.params.get("fields"), sent),
        name=text(operation, "name"),
        account_id=account.id if account else None,
        contact_ids=(person.id,) if person else None,
    )
    return _Plan(
        operation=operation,
        in_list=in_list,
        edit=edit,
        initial=named_values(in_list.fields, operation.params.get("initial"), sent),
        key=_key(operation, in_list, edit),
        note=note_of(ref, persons),
        called=name_for(in_list, person, account) or who,
        whose=str(ref or (account.name if account else operation.params.get("match"))),
        creates=yes(operation, "create", default=True),
    )


def check_shape(in_list: List, *, contacts: int, account: bool) -> None:
    """A contact list's item has exactly one contact and no account. Raises InvalidInput."""
    if in_list.type is ListType.ACCOUNT:
        return
    if contacts != 1:
        raise InvalidInput(f"an item of {in_list.title} needs exactly one contact")
    if account:
        raise InvalidInput(f"{in_list.title} is about contacts: its items have no account")


def name_for(in_list: List, person: Contact | None, account: Account | None) -> str | None:
    """What an item is called that is given no name: as its account, or as its contact."""
    if in_list.type is ListType.ACCOUNT:
        return account.name if account else None
    return (person.name or person.email) if person else None


def _account(operation: Operation, firms: Mapping[str, Account]) -> Account | None:
    id = text(operation, "account")
    if id is None:
        return None
    if id not in firms:
        raise InvalidInput(f"there is no account {id!r}")
    return firms[id]


def _key(operation: Operation, in_list: List, edit: Edit) -> Key | None:
    match text(operation, "match"):
        case None:
            return None
        case "contact":
            if not edit.contact_ids:
                raise InvalidInput("match: contact needs a contact")
            return (in_list.id, "contact", edit.contact_ids[0])
        case "account":
            if edit.account_id is None:
                raise InvalidInput("match: account needs an account")
            return (in_list.id, "account", edit.account_id)
        case name:
            return _field_key(in_list, edit, name)


def _field_key(in_list: List, edit: Edit, name: str) -> Key:
    one = in_list.fields.by_name.get(name)
    if one is None:
        known = {"contact": None, "account": None} | {f.slug: None for f in in_list.fields.all}
        raise InvalidInput(f"{in_list.title} has no field {name!r}{nearest(name, known)}")
    value = edit.values.get(one.id)
    if not isinstance(value, str):
        raise InvalidInput(f"match: {name} needs one value for the field {one.slug}")
    return (in_list.id, one.id, value)


def _matches(desk: Desk, keys: set[Key]) -> dict[Key, list[Item]]:
    """The items for each key, oldest first. For a key without one its lock is held until the
    transaction ends, so that two that come at once make one item."""
    found = _look(desk, keys)
    absent = keys - found.keys()
    if absent:
        locks = [ordering_key(f"item:{desk.org}:" + ":".join(key)) for key in absent]
        lock_keys(desk.conn, locks)
        found |= _look(desk, absent)
    return found


def _look(desk: Desk, keys: set[Key]) -> dict[Key, list[Item]]:
    by_kind: dict[tuple[str, str], set[str]] = defaultdict(set)
    for list_id, kind, value in keys:
        by_kind[list_id, kind].add(value)
    found: dict[Key, list[Item]] = {}
    for (list_id, kind), values in by_kind.items():
        for value, several in _lookup(desk, list_id, kind, values).items():
            found[list_id, kind, value] = several
    return found


def _lookup(desk: Desk, list_id: str, kind: str, values: set[str]) -> dict[str, list[Item]]:
    match kind:
        case "contact":
            return items.of_contacts(desk.conn, desk.org, list_id, values, lock=True)
        case "account":
            return items.of_accounts(desk.conn, desk.org, list_id, values, lock=True)
        case _:
            return items.of_values(desk.conn, desk.org, list_id, kind, values)
