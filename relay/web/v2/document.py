"""The API's OpenAPI 3.1 document: every route that is served, with what it takes and answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import relay
from relay.web.v2.schemas import SCHEMAS, Schema, ref

_ABOUT = """The CRM's API, SalesforceIQ v2 on the wire: Basic authentication with an API key and its
secret, JSON both ways, every path with and without a trailing slash. Creates and deletes answer
200. 100,000 requests a key and day (UTC)."""

_COUNT = {"type": "integer", "minimum": 0}
_PARAMETERS: Mapping[str, Schema] = {
    "_start": {"schema": {**_COUNT, "default": 0}, "description": "how many are left out"},
    "_limit": {
        "schema": {"type": "integer", "minimum": 1, "default": 50},
        "description": "at most so many; more than 200 is 200",
    },
    "_ids": {"schema": {"type": "string"}, "description": "ids between commas"},
    "modifiedDate": {"schema": _COUNT, "description": "changed then or later, in milliseconds"},
    "properties.email": {"schema": {"type": "string"}, "description": "one of the addresses"},
    "properties.phone": {"schema": {"type": "string"}, "description": "one of the numbers"},
    "contactIds": {"schema": {"type": "string"}, "description": "has any of these contacts"},
    "accountIds": {"schema": {"type": "string"}, "description": "has any of these accounts"},
    "includeSize": {"schema": {"enum": ["true", "false"]}, "description": "true fills `size`"},
}
_PAGE = ("_start", "_limit", "_ids")
_SINCE = (*_PAGE, "modifiedDate")
_REFUSALS = {
    "400": "the request's shape is wrong: a parameter, or no JSON",
    "401": "authorization failed",
    "403": "the key lacks the scope",
    "404": "no such object, or one that the key may not see",
    "413": "the body is too long",
    "414": "the address is longer than 8192 bytes",
    "422": "the object is not acceptable",
    "429": "the day's requests are used up",
    "503": "ask again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One route. `answer` None: 204 with nothing in it."""

    about: str
    answer: str | None
    body: str | None = None
    query: tuple[str, ...] = ()
    upsert: tuple[str, ...] = ()


# By the name of the view: `accounts_page` is `accounts.page`.
OPERATIONS: Mapping[str, Operation] = {
    "accounts_page": Operation(
        about="Accounts by name; with a date by date", answer="Accounts", query=_SINCE
    ),
    "accounts_create": Operation(
        about="An account; one whose name exists is that account, with the values laid over",
        answer="Account",
        body="NewAccount",
    ),
    "accounts_create_many": Operation(
        about="Up to 50 accounts, each answered for itself",
        answer="AccountBatch",
        body="NewAccounts",
    ),
    "accounts_change_many": Operation(
        about="Changes up to 50 accounts, by `id`", answer="AccountBatch", body="NewAccounts"
    ),
    "accounts_fields": Operation(about="The fields of accounts", answer="AccountFields"),
    "accounts_one": Operation(about="One account", answer="Account"),
    "accounts_change": Operation(
        about="Sets name and values; what is not named stays", answer="Account", body="NewAccount"
    ),
    "accounts_remove": Operation(about="Removes an account; its items stay", answer="Deleted"),
    "contacts_page": Operation(
        about="Contacts, the last changed first; with a date by date",
        answer="Contacts",
        query=(*_SINCE, "properties.email", "properties.phone"),
    ),
    "contacts_create": Operation(
        about="A contact; with _upsert the oldest with one of the addresses, completed",
        answer="Contact",
        body="NewContact",
        upsert=("email",),
    ),
    "contacts_create_many": Operation(
        about="Up to 50 contacts", answer="ContactBatch", body="NewContacts"
    ),
    "contacts_change_many": Operation(
        about="Changes up to 50 contacts, by `id`", answer="ContactBatch", body="NewContacts"
    ),
    "contacts_one": Operation(about="One contact", answer="Contact"),
    "contacts_change": Operation(
        about="A key that is sent replaces that key's whole array",
        answer="Contact",
        body="NewContact",
    ),
    "contacts_remove": Operation(
        about="Archives a contact that is on no list item", answer="Deleted"
    ),
    "lists_page": Operation(about="The lists that the key may see", answer="Lists", query=_PAGE),
    "lists_one": Operation(about="One list", answer="List", query=("includeSize",)),
    "lists_fields": Operation(about="A list's fields", answer="FieldsOfList", query=_PAGE),
    "items_page": Operation(
        about="Items of a list, the oldest first; with a date by date",
        answer="Items",
        query=(*_SINCE, "contactIds", "accountIds"),
    ),
    "items_create": Operation(
        about="An item; with _upsert the oldest that has the contact or account, updated",
        answer="Item",
        body="NewItem",
        upsert=("contactIds", "accountId", "accountIds"),
    ),
    "items_create_many": Operation(about="Up to 50 items", answer="ItemBatch", body="NewItems"),
    "items_change_many": Operation(
        about="Changes up to 50 items, by `id`", answer="ItemBatch", body="NewItems"
    ),
    "items_one": Operation(about="One item", answer="Item"),
    "items_change": Operation(
        about="Sets what is sent; a field's values are replaced as a whole",
        answer="Item",
        body="NewItem",
    ),
    "items_remove": Operation(about="Removes the row alone", answer="Deleted"),
    "events_post": Operation(
        about="An entry in the Stream of every item with a participating contact",
        answer=None,
        body="Event",
    ),
    "users_one": Operation(about="One user", answer="User"),
    "users_organization": Operation(about="The key's organization", answer="Organization"),
}


def document(routes: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """The document of the routes: (method, path) → the name of the view."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), name in routes.items():
        written = re.sub(r"<(\w+)>", r"{\1}", path)
        known = [
            {"name": id, "in": "path", "required": True, "schema": {"type": "string"}}
            for id in re.findall(r"<(\w+)>", path)
        ]
        here = paths.setdefault(written, {"parameters": known} if known else {})
        here[method.lower()] = _operation(name, OPERATIONS[name])
    return {
        "openapi": "3.1.0",
        "info": {"title": "The CRM", "version": relay.__version__, "description": _ABOUT},
        "servers": [{"url": "/v2"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "basic"}},
        },
    }


def _operation(name: str, one: Operation) -> dict[str, Any]:
    query = [{"name": each, "in": "query", **_PARAMETERS[each]} for each in one.query]
    if one.upsert:
        query.append({"name": "_upsert", "in": "query", "schema": {"enum": list(one.upsert)}})
    told: dict[str, Any] = {"operationId": name, "summary": one.about, "responses": _answers(one)}
    if query:
        told["parameters"] = query
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": _json(one.body)}
    return told


def _answers(one: Operation) -> dict[str, Any]:
    if one.answer is None:
        good: dict[str, Any] = {"204": {"description": "accepted"}}
    else:
        good = {"200": {"description": "done", "content": _json(one.answer)}}
    bad = {
        status: {"description": said, "content": _json("Error")}
        for status, said in _REFUSALS.items()
    }
    return {**good, **bad}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": ref(schema)}}
