"""Records as the API writes them; keys and shapes of its last known recordings."""

from collections.abc import Iterable, Mapping, Sequence

from relay.core.errors import InvalidInput
from relay.crm.model import (
    CREATED_FIELD,
    Account,
    Contact,
    Field,
    Fields,
    FieldType,
    Item,
    List,
    Stored,
    User,
)
from relay.crm.records import value_of
from relay.crm.values import Sent, from_wire, raws_of, to_wire

# Not editable on the wire, and yet recorded creates set them.
_ADDRESS = "address_"


def values(fields: Fields, sent: object, by: Sent) -> dict[str, Stored | None]:
    """`fieldValues` of a request, by field id, ready to be stored. Keys of no field are silently
    ignored (recorded), and so are fields that cannot be written. Raises InvalidInput."""
    return {
        one.id: from_wire(one, given, by)
        for id, given in _field_values(sent).items()
        if (one := fields.by_id.get(str(id))) is not None and one.is_editable
    }


def addresses(fields: Fields, sent: object) -> set[str]:
    """The addresses that a request gives for fields whose values are contacts. Raises
    InvalidInput."""
    given = _field_values(sent)
    raws = [
        raw
        for one in fields.all
        if one.type is FieldType.CONTACT and one.id in given
        for raw in raws_of(given[one.id])
    ]
    return {raw.strip().lower() for raw in raws if isinstance(raw, str) and "@" in raw}


def _field_values(sent: object) -> Mapping[str, object]:
    if sent is None:
        return {}
    if not isinstance(sent, Mapping):
        raise InvalidInput("fieldValues must be an object", {"fieldValues": ["must be an object"]})
    return sent


def field(one: Field, *, of_list: bool) -> dict[str, object]:
    """A field definition; `isLinkedField` is absent on account fields."""
    linked = {"isLinkedField": False} if of_list else {}
    return {
        "id": one.id,
        "name": one.name,
        "listOptions": [{"id": option.id, "display": option.display} for option in one.options],
        "isMultiSelect": one.is_multi,
        "isEditable": one.is_editable and not one.id.startswith(_ADDRESS),
        **linked,
        "dataType": one.type,
    }


def listed_field(one: Field, list_id: str) -> dict[str, object]:
    """A field as `GET /lists/<id>/fields` has it, under the names that the vendor's Python SDK
    reads (https://github.com/albertoconnor/apisdk, relateiq/field.py)."""
    return {
        "id": one.id,
        "name": one.name,
        "itemTypeId": list_id,
        "fieldType": one.type,
        "isEditable": one.is_editable,
        "isMultiSelect": one.is_multi,
        "listOptions": [{"id": option.id, "display": option.display} for option in one.options],
    }


def a_list(one: List, size: int = 0) -> dict[str, object]:
    """A list with its fields; its modified date is always 0."""
    return {
        "id": one.id,
        "title": one.title,
        "listType": one.type,
        "modifiedDate": 0,
        "fields": [field(each, of_list=True) for each in one.fields.all],
        "size": size,
        "savedViewNames": None,
    }


def item(one: Item, in_list: List) -> dict[str, object]:
    """A list item; its version never counts updates."""
    known = {
        each.id: value
        for each in in_list.fields.all
        if each.id == CREATED_FIELD or each.id in one.values
        if (value := value_of(each.id, one)) is not None
    }
    return {
        "id": one.id,
        "listId": one.list_id,
        "version": 1,
        "createdDate": one.created_ms,
        "modifiedDate": one.modified_ms,
        "name": one.name,
        "accountId": one.account_id,
        "contactIds": list(one.contact_ids),
        "fieldValues": {id: to_wire(value) for id, value in known.items()},
        "linkedItemIds": dict(one.linked),
    }


def account(one: Account, fields: Fields) -> dict[str, object]:
    """An account; fields without a value are absent."""
    known = {id: to_wire(value) for id, value in one.values.items() if id in fields.by_id}
    return {
        "id": one.id,
        "modifiedDate": one.modified_ms,
        "name": one.name,
        "fieldValues": known,
    }


def contact(
    one: Contact,
    *,
    requested: Sequence[str] | None = None,
    merged: Sequence[str] | None = None,
) -> dict[str, object]:
    """A contact. The two lists of ids are null in answers to a single GET, POST and PUT."""
    return {
        "id": one.id,
        "modifiedDate": one.modified_ms,
        "requestedIds": None if requested is None else list(requested),
        "mergedIds": None if merged is None else list(merged),
        "properties": {key: list(entries) for key, entries in one.properties.items()},
        "state": one.state,
    }


def user(one: User) -> dict[str, object]:
    return {"id": one.id, "name": one.name, "email": one.email}


def envelope(objects: Iterable[Mapping[str, object]], start: int, limit: int) -> dict[str, object]:
    """A page of a collection."""
    page = list(objects)
    return {"offset": start, "limit": limit, "objects": page, "size": len(page)}
