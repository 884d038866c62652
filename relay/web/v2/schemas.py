"""The shapes of requests and answers, as the OpenAPI document has them."""

from typing import Any

from relay.crm.limits import LONGEST_ADDRESS, LONGEST_NAME, LONGEST_TEXT
from relay.crm.model import FieldType
from relay.web.v2.batches import MOST

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def an_array(of: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": of, **more}


def an_object(properties: Schema, *, required: list[str] | None = None, **more: Any) -> Schema:
    """An object; `required` None: every property is always there."""
    needed = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed, **more}


_ID = {"type": "string", "examples": ["5f00aa22e4b0c0ffee000002"]}
_TEXT = {"type": "string", "maxLength": LONGEST_TEXT}
_NAME = {"type": "string", "maxLength": LONGEST_NAME}
_MS = {"type": "integer", "description": "milliseconds since the epoch, UTC"}
_BOOL = {"type": "boolean"}
_IDS = an_array(_ID)
_NO_IDS = {"type": ["array", "null"], "items": _ID}

_VALUES = {
    "type": "object",
    "description": "by field id; every value is text in `raw`",
    "additionalProperties": an_array(an_object({"raw": {"type": "string"}})),
}
_RAW = {"type": ["string", "number", "boolean", "null"]}
_NEW_VALUES = {
    "type": ["object", "null"],
    "description": "by field id; null, [] and an empty raw clear. Other keys are ignored.",
    "additionalProperties": {
        "type": ["array", "null"],
        "items": an_object({"raw": _RAW}, required=["raw"]),
    },
}
_ENTRY = an_object({"value": _TEXT, "metadata": {"type": "object"}}, required=["value"])
_NEW_PROPERTIES = {"type": "object", "additionalProperties": an_array(_ENTRY)}

_NEW_ACCOUNT = an_object(
    {"id": {"type": ["string", "null"]}, "name": _NAME, "fieldValues": _NEW_VALUES},
    required=["name"],
)
_NEW_CONTACT = an_object(
    {"id": {"type": ["string", "null"]}, "properties": _NEW_PROPERTIES}, required=["properties"]
)
_NEW_ITEM = an_object(
    {
        "id": {"type": ["string", "null"]},
        "listId": {"type": ["string", "null"]},
        "name": {"type": ["string", "null"], "maxLength": LONGEST_NAME},
        "accountId": {"type": ["string", "null"]},
        "contactIds": {"type": ["array", "null"], "items": _ID},
        "fieldValues": _NEW_VALUES,
        "linkedItemIds": {"type": ["object", "null"]},
    },
    required=[],
)
_FIELD = {
    "id": {"type": "string"},
    "name": {"type": "string"},
    "listOptions": an_array(an_object({"id": {"type": "string"}, "display": {"type": "string"}})),
    "isMultiSelect": _BOOL,
    "isEditable": _BOOL,
}
_TYPE = {"type": "string", "enum": [str(one) for one in FieldType]}


def _page(of: str, **first: Schema) -> Schema:
    count = {"type": "integer"}
    return an_object(
        {**first, "offset": count, "limit": count, "objects": an_array(ref(of)), "size": count}
    )


def _batch(of: Schema) -> Schema:
    return an_object({"objects": an_array(of, maxItems=MOST)})


def _batch_answer(of: str) -> Schema:
    refused = an_object({"object": {}, **SCHEMAS["Error"]["properties"]})
    return an_object({"successObjects": an_array(ref(of)), "errorObjects": an_array(refused)})


SCHEMAS: dict[str, Schema] = {
    "Error": an_object(
        {
            "statusCode": {"type": "integer"},
            "errorMessage": {"type": "string", "description": "what was wrong"},
            "userMessage": {"type": "string", "description": "the class of it"},
        }
    ),
    "AccountField": an_object({**_FIELD, "dataType": _TYPE}),
    "ListField": an_object({**_FIELD, "isLinkedField": _BOOL, "dataType": _TYPE}),
    "FieldOfList": an_object({**_FIELD, "itemTypeId": _ID, "fieldType": _TYPE}),
    "AccountFields": an_object({"fields": an_array(ref("AccountField"))}),
    "Account": an_object({"id": _ID, "modifiedDate": _MS, "name": _NAME, "fieldValues": _VALUES}),
    "NewAccount": _NEW_ACCOUNT,
    "Contact": an_object(
        {
            "id": _ID,
            "modifiedDate": _MS,
            "requestedIds": _NO_IDS,
            "mergedIds": _NO_IDS,
            "properties": {
                "type": "object",
                "additionalProperties": an_array(
                    an_object({"value": {"type": "string"}, "metadata": {"type": "object"}})
                ),
            },
            "state": {"type": "string", "enum": ["ACTIVE"]},
        }
    ),
    "NewContact": _NEW_CONTACT,
    "List": an_object(
        {
            "id": _ID,
            "title": {"type": "string"},
            "listType": {"type": "string", "enum": ["account", "contact"]},
            "modifiedDate": {"type": "integer", "description": "always 0"},
            "fields": an_array(ref("ListField")),
            "size": {"type": "integer"},
            "savedViewNames": {"type": "null"},
        }
    ),
    "Item": an_object(
        {
            "id": _ID,
            "listId": _ID,
            "version": {"type": "integer", "description": "1, whatever happens"},
            "createdDate": _MS,
            "modifiedDate": _MS,
            "name": _NAME,
            "accountId": {"type": ["string", "null"]},
            "contactIds": _IDS,
            "fieldValues": _VALUES,
            "linkedItemIds": {"type": "object"},
        }
    ),
    "NewItem": _NEW_ITEM,
    "Event": an_object(
        {
            "subject": {**_TEXT, "minLength": 1},
            "body": {**_TEXT, "minLength": 1},
            "participantIds": an_array(
                an_object(
                    {
                        "type": {"type": "string", "enum": ["email", "phone"]},
                        "value": {"type": "string", "minLength": 1, "maxLength": LONGEST_ADDRESS},
                    }
                ),
                minItems=1,
                maxItems=5,
            ),
        }
    ),
    "User": an_object({"id": _ID, "name": {"type": "string"}, "email": {"type": "string"}}),
    "Organization": an_object({"id": {"type": "string"}, "name": {"type": "string"}}),
    "Deleted": {"type": "boolean", "const": True},
}
SCHEMAS |= {
    "Accounts": _page("Account"),
    "Contacts": _page("Contact"),
    "Lists": _page("List"),
    "FieldsOfList": _page("FieldOfList"),
    "Items": _page("Item", totalSize={"type": "integer"}),
    "NewAccounts": _batch(ref("NewAccount")),
    "NewContacts": _batch(ref("NewContact")),
    "NewItems": _batch(ref("NewItem")),
    "AccountBatch": _batch_answer("Account"),
    "ContactBatch": _batch_answer("Contact"),
    "ItemBatch": _batch_answer("Item"),
}
