"""The verbs about contacts, accounts and the stream, over HTTP."""

from collections.abc import Mapping

from relay.core.errors import Filtered, InvalidInput
from relay.crm.given import NOBODY, about, address, required, text, yes
from relay.crm.model import Contact
from relay.crm.port import Done, Operation
from relay.crm.properties import Entry, entry, with_new
from relay.crm.remote.client import Wire
from relay.crm.remote.session import Made, Session, contact_ids
from relay.crm.values import to_wire

_PLAIN = ("name", "phone", "title", "company")
_MOST = 5  # participants of an event
NOT_AGAIN = (
    "an earlier try may have posted it, and the CRM cannot be asked: it was not posted again"
)


async def persons(session: Session, ref: str) -> list[Wire]:
    """The contacts that an id or an address means, the oldest first."""
    if "@" in ref:
        return await session.contacts_by_email(ref.lower())
    return await session.contacts([ref])


async def person(session: Session, ref: str) -> Wire:
    """The contact that is meant. Raises InvalidInput where there is none."""
    found = await persons(session, ref)
    if not found:
        raise InvalidInput(f"there is no contact {ref!r}")
    return found[0]


async def upsert_contact(session: Session, operation: Operation) -> Done:
    """The oldest contact with the address, completed; or a new one."""
    email = address(required(operation, "email"))
    given: dict[str, list[Entry]] = {
        key: [entry(key, value)] for key in _PLAIN if (value := text(operation, key)) is not None
    }
    found = await session.contacts_by_email(email)
    if not found:
        if not yes(operation, "create", default=True):
            raise Filtered(NOBODY)
        addresses = [{"value": email, "metadata": {"primary": "true"}}]
        made = session.meet(await session.client.post_contact({"email": addresses, **given}))
        session.written.append(Made(kind="contact", after=made))
        return Done(output={"id": made["id"], "created": True})
    known = _contact(found[0])
    changed = _news(known, given)
    if changed:
        session.meet(_laid_on(found[0], await session.client.put_contact(known.id, changed)))
    note = (
        {}
        if len(found) == 1
        else {"note": f"{len(found)} contacts have {email}: the oldest was taken"}
    )
    return Done(output={"id": known.id, "created": False, **note})


def _laid_on(known: Wire, answer: Wire) -> Wire:
    """The contact after a change. Some answer with the properties that were sent, and no others."""
    return {**known, **answer, "properties": {**_properties(known), **_properties(answer)}}


def _properties(contact: Wire) -> Mapping[str, list[Entry]]:
    found = contact.get("properties")
    return found if isinstance(found, Mapping) else {}


def _contact(wire: Wire) -> Contact:
    return Contact(
        id=str(wire["id"]),
        properties=_properties(wire),
        created_ms=0,
        modified_ms=0,
    )


def _news(known: Contact, given: Mapping[str, list[Entry]]) -> dict[str, object]:
    """The properties that would say something new, each as its whole array."""
    changed: dict[str, object] = {}
    for key, entries in given.items():
        if [str(one["value"]) for one in entries] == [known.preferred(key)]:
            continue
        after = with_new(known.properties, {key: entries}, union=("phone",))
        values = [one["value"] for one in known.properties.get(key) or ()]
        if [one["value"] for one in after.get(key, ())] != values:
            changed[key] = after[key]
    return changed


async def upsert_account(session: Session, operation: Operation) -> Done:
    """The account of a name. The CRM does not say whether it is new."""
    values = await session.account_values(operation.params.get("fields"))
    sent: dict[str, object] = {
        id: [] if value is None else to_wire(value) for id, value in values.items()
    }
    ref = text(operation, "contact")
    if ref is not None:
        sent["primary_contact"] = to_wire(str((await person(session, ref))["id"]))
    made = await session.client.post_account(required(operation, "name"), sent)
    return Done(output={"id": made["id"], "created": None})


async def post_stream(session: Session, operation: Operation) -> Done:
    """An entry for the people concerned: the CRM shows it on every item that has one of them."""
    subject, body = required(operation, "subject"), text(operation, "body") or ""
    kind, ref = about(operation)
    if operation.unsure_since is not None:
        # Entries cannot be read back, and one too many is worse than one that a person can add.
        return Done(output={"note": NOT_AGAIN})
    emails = await _participants(session, kind, ref)
    if not emails:
        raise InvalidInput(f"{kind} {ref} has nobody with an address: the CRM's stream needs one")
    await session.client.put_event(subject, body or subject, emails[:_MOST])
    return Done()


async def _participants(session: Session, kind: str, ref: str) -> list[str]:
    match kind:
        case "email":
            return [address(ref)]
        case "contact":
            found = [await person(session, ref)]
        case "item":
            found = await session.contacts(contact_ids(await session.item(ref)))
        case _:
            found = await _of_account(session, ref)
    emails = [_contact(one).email for one in found]
    return list(dict.fromkeys(email for email in emails if email))


async def _of_account(session: Session, account_id: str) -> list[Wire]:
    """The points of contact of an account's items."""
    if not session.definitions.lists:
        await session.definitions.refresh(session.client)
    ids: dict[str, None] = {}
    for in_list in session.definitions.lists:
        for item in await session.client.items(in_list.id, {"accountIds": account_id}):
            ids |= dict.fromkeys(contact_ids(item))
    return await session.contacts(list(ids)[:_MOST])
