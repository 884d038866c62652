"""The verbs about list items, over HTTP."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from relay.core.errors import Filtered, InvalidInput, NotFound
from relay.crm.given import NOBODY, item_of, refs, required, text, yes
from relay.crm.model import FieldType, List, ListType, Stored
from relay.crm.moments import milliseconds
from relay.crm.port import Done, Operation
from relay.crm.remote.client import Wire
from relay.crm.remote.people import person, persons
from relay.crm.remote.session import Changes, Session, Written, contact_ids, news, values_of
from relay.crm.several import REFUSE, USUAL, choice, chosen, complaint, note

SKEW = timedelta(minutes=10)  # how far the CRM's clock may be from ours
FOUND_AGAIN = "an earlier try had made it"


async def find_item(session: Session, operation: Operation) -> Done:
    """By our number first, then by person; several candidates are an error that names them."""
    in_list = await session.definitions.called(session.client, required(operation, "list"))
    found = await _booked(session, in_list, operation)
    if found is not None:
        return Done(output={"id": found["id"], "found": True})
    ref = text(operation, "email") or text(operation, "contact")
    if ref is None and text(operation, "number") is None:
        raise InvalidInput("number, email or contact is needed")
    candidates = await _of_person(session, in_list, ref) if ref else []
    if yes(operation, "open_only", default=True):
        candidates = [one for one in candidates if in_list.is_open(values_of(in_list, one))]
    if candidates:
        how = choice(operation, in_list, REFUSE)
        meant = chosen(candidates, how, complaint(in_list, str(ref), _named(candidates)))
        noted = note(in_list, len(candidates), how)
        return Done(output={"id": session.keep(meant[0])["id"], "found": True, **noted})
    if yes(operation, "required", default=True):
        raise Filtered(NOBODY)
    return Done(output={"id": None, "found": False})


async def _booked(session: Session, in_list: List, operation: Operation) -> Wire | None:
    number = text(operation, "number")
    id = await session.item_of_number(operation.org, number) if number else None
    if id is None:
        return None
    try:
        item = await session.item(id)
    except NotFound:
        return None
    return item if item.get("listId") == in_list.id else None


async def _of_person(session: Session, in_list: List, ref: str) -> list[Wire]:
    ids = [str(one["id"]) for one in await persons(session, ref)]
    return await session.client.items(in_list.id, {"contactIds": ",".join(ids)}) if ids else []


async def update_item(session: Session, operation: Operation) -> Done:
    """Sends what is not so already."""
    item = await session.item(item_of(operation))
    in_list = await session.definitions.called(session.client, item.get("listId"))
    given = refs(operation, "contacts")
    chosen = [str((await person(session, ref))["id"]) for ref in given] if given else None
    named = text(operation, "name")
    if in_list.type is ListType.CONTACT and (named is not None or chosen is not None):
        raise InvalidInput(f"{in_list.title} is about contacts: its items keep their contact")
    body, changes = await _body(session, in_list, item, operation)
    if named is not None and named != item.get("name"):
        body["name"], changes["name"] = named, (item.get("name"), named)
    if chosen is not None and chosen != contact_ids(item):
        body["contactIds"], changes["contacts"] = chosen, (contact_ids(item), chosen)
    return await _put(session, in_list, item, body, changes)


async def add_contact(session: Session, operation: Operation) -> Done:
    """Adds a person to the points of contact: they are sent whole, with the new one."""
    who = str((await person(session, required(operation, "contact")))["id"])
    item = await session.item(item_of(operation))
    in_list = await session.definitions.called(session.client, item.get("listId"))
    there = contact_ids(item)
    if who in there:
        return Done(output={"id": item["id"]})
    if in_list.type is ListType.CONTACT:
        raise InvalidInput(f"{in_list.title} is about contacts: its items have exactly one")
    body: dict[str, object] = {"contactIds": [*there, who]}
    return await _put(session, in_list, item, body, {"contacts": (there, [*there, who])})


async def create_item(session: Session, operation: Operation) -> Done:
    """A new item, or those that match, updated: which of several is a parameter."""
    in_list = await session.definitions.called(session.client, required(operation, "list"))
    ref, account = text(operation, "contact"), text(operation, "account")
    who = str((await person(session, ref))["id"]) if ref else None
    match = text(operation, "match")
    values = await session.values(in_list, operation.params.get("fields"))
    known = await _matching(session, in_list, match, {"contact": who, "account": account}, values)
    if known:
        whose = str(ref or account or match)
        return await _renew(session, in_list, operation, known, whose, values)
    if not yes(operation, "create", default=True):
        raise Filtered(f"no item of {in_list.title} found")
    initial = await session.values(in_list, operation.params.get("initial"))
    fields, _ = news(in_list, {}, {**initial, **values})
    new: dict[str, object] = {"fieldValues": fields}
    if who is not None:
        new["contactIds"] = [who]
    if account is not None:
        new["accountId"] = account
    if name := text(operation, "name"):
        new["name"] = name
    earlier = await _made_before(session, in_list, new, operation.unsure_since)
    if earlier is not None:
        session.written.append(Written(list_id=in_list.id, before=None, after=earlier))
        return Done(output={"id": earlier["id"], "created": True, "note": FOUND_AGAIN})
    upsert = {"contact": "contactIds", "account": "accountId"}.get(match or "")
    made = session.keep(await session.client.post_item(in_list.id, new, upsert))
    session.written.append(Written(list_id=in_list.id, before=None, after=made))
    return Done(output={"id": made["id"], "created": True})


async def _made_before(
    session: Session, in_list: List, new: Wire, since: datetime | None
) -> Wire | None:
    """The item that an earlier try of the same step made without our hearing of it: one made since
    then for the same people, with everything that we send."""
    if since is None:
        return None
    earliest = milliseconds(since - SKEW)
    query = {"modifiedDate": str(earliest)}
    if new.get("contactIds"):
        query["contactIds"] = str(contact_ids(new)[0])
    elif new.get("accountId"):
        query["accountIds"] = str(new["accountId"])
    for item in await session.client.items(in_list.id, query):
        if _number(item.get("createdDate")) >= earliest and _says(in_list, item, new):
            return session.keep(item)
    return None


def _says(in_list: List, item: Wire, new: Wire) -> bool:
    """Whether the item is as we would send it."""
    values, sent = item.get("fieldValues"), new.get("fieldValues")
    here = values if isinstance(values, Mapping) else {}
    wanted = sent if isinstance(sent, Mapping) else {}
    return (
        contact_ids(item) == contact_ids(new)
        and item.get("accountId") == new.get("accountId")
        and new.get("name") in (None, item.get("name"))
        and all(_raws(here.get(id)) == _raws(value) or _is_converted(in_list, id)
                for id, value in wanted.items())
    )  # fmt: skip


def _is_converted(in_list: List, id: str) -> bool:
    """A person is sent by address and answered by id."""
    one = in_list.fields.by_id.get(id)
    return one is not None and one.type in (FieldType.USER, FieldType.CONTACT)


def _raws(value: object) -> list[str]:
    entries = value if isinstance(value, list) else []
    return [str(one.get("raw")) for one in entries if isinstance(one, Mapping)]


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


async def _renew(
    session: Session,
    in_list: List,
    operation: Operation,
    known: Sequence[Wire],
    whose: str,
    values: Mapping[str, Stored | None],
) -> Done:
    """Lays the values over the one that is meant, or over all of them."""
    how = choice(operation, in_list, USUAL)
    meant = chosen(known, how, complaint(in_list, whose, _named(known)))
    changes: Changes = {}
    for item in meant:
        sent, changed = news(in_list, item, values)
        body: dict[str, object] = {"fieldValues": sent} if sent else {}
        await _put(session, in_list, session.keep(item), body, changed)
        changes |= changed
    output = {"id": str(meant[0]["id"]), "created": False, **note(in_list, len(known), how)}
    return Done(output=output, changes=changes)


def _named(found: Sequence[Wire]) -> list[str]:
    return [f"{one.get('name')} ({one.get('id')})" for one in found]


async def _matching(
    session: Session,
    in_list: List,
    match: str | None,
    given: Mapping[str, str | None],
    values: Mapping[str, object],
) -> list[Wire]:
    """Oldest first, as the service lists them."""
    match match:
        case None:
            return []
        case "contact" | "account":
            value = given[match]
            if value is None:
                raise InvalidInput(f"match: {match} needs a {match}")
            found = await session.client.items(in_list.id, {f"{match}Ids": value})
        case slug:
            found = await _with_value(session, in_list, slug, values)
    return found


async def _with_value(
    session: Session, in_list: List, slug: str, values: Mapping[str, object]
) -> list[Wire]:
    """Nothing can be filtered by a field's value there: the whole list is read."""
    one = in_list.fields.by_name.get(slug)
    if one is None or not isinstance(values.get(one.id), str):
        raise InvalidInput(f"match: {slug} needs one value for a field of {in_list.title}")
    every: Sequence[Wire] = await session.client.items(in_list.id, {})
    return [item for item in every if values_of(in_list, item).get(one.id) == values[one.id]]


async def _body(
    session: Session, in_list: List, item: Wire, operation: Operation
) -> tuple[dict[str, object], Changes]:
    values = await session.values(in_list, operation.params.get("fields"))
    sent, changes = news(in_list, item, values)
    return ({"fieldValues": sent} if sent else {}), changes


async def _put(session: Session, in_list: List, item: Wire, body: Wire, changes: Changes) -> Done:
    id = str(item["id"])
    if body:
        after = session.keep({**item, **await session.client.put_item(in_list.id, id, body)})
        session.written.append(Written(list_id=in_list.id, before=item, after=after))
    return Done(output={"id": id}, changes=changes)
