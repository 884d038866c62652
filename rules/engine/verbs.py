"""The verbs that belong to no connector: the CRM's, `webhook.post`, `emit` and `stop`."""

from __future__ import annotations

from collections.abc import Mapping

from rules.engine.model import Param, Verb

_ITEM = Param("item", "reference", help="the item's id; default: the triggering item")
_FIELDS = Param("fields", "map", help="values by the slugs of the list's fields")

_VERBS = (
    Verb(
        "crm.find_item",
        (
            Param("list", "text", required=True, help="the list's title"),
            Param("number", "text", help="our document number; looked for first"),
            Param("email", "text", help="of a point of contact"),
            Param("contact", "reference", help="the contact's id"),
            Param("open_only", "boolean", help="leave closed items out; default true"),
            Param("several", "text", help="refuse, the default; oldest, newest or usual"),
            Param("required", "boolean", help="false: go on when nobody is found"),
        ),
        one_of=(("number", "email", "contact"),),
        output=("id", "found"),
        help="Finds an item by our number, by email or by contact. Several: the step fails.",
    ),
    Verb(
        "crm.update_item",
        (
            _ITEM,
            _FIELDS,
            Param("name", "text", help="the item's new name"),
            Param("contacts", "list", help="ids; replaces the points of contact"),
        ),
        one_of=(("fields", "name", "contacts"),),
        output=("id",),
        help="Sets fields of an item. Equal values are not sent again.",
    ),
    Verb(
        "crm.create_item",
        (
            Param("list", "text", required=True, help="the list's title"),
            Param("contact", "reference", help="the contact's id"),
            Param("account", "reference", help="the account's id"),
            Param("match", "text", help="contact, account or a field: update that item if any"),
            Param(
                "several", "text", help="of those that match: usual, oldest, newest, all, refuse"
            ),
            Param("create", "boolean", help="false: end the run when none matches"),
            Param("initial", "map", help="values that only a new item gets"),
            Param("name", "text", help="the item's name"),
            _FIELDS,
        ),
        output=("id", "created"),
        help="Makes an item, or updates the one that `match` finds.",
    ),
    Verb(
        "crm.upsert_contact",
        (
            Param("email", "text", required=True, help="finds the contact"),
            Param("name", "text", help="full name"),
            Param("phone", "text", help="telephone number"),
            Param("title", "text", help="position"),
            Param("company", "text", help="company"),
            Param("create", "boolean", help="false: end the run when nobody is found"),
        ),
        output=("id", "created"),
        help="Finds a contact by email and updates it, or makes it.",
    ),
    Verb(
        "crm.upsert_account",
        (
            Param("name", "text", required=True, help="finds the account"),
            Param("fields", "map", help="values by the slugs of account fields"),
            Param("contact", "reference", help="a contact of the account"),
        ),
        output=("id", "created"),
        help="Finds an account by name and updates it, or makes it.",
    ),
    Verb(
        "crm.add_contact",
        (_ITEM, Param("contact", "reference", required=True, help="the contact's id")),
        output=("id",),
        help="Adds a point of contact to an item, and replaces none.",
    ),
    Verb(
        "crm.post_stream",
        (
            Param("subject", "text", required=True, help="the entry's first line"),
            Param("body", "text", required=True, help="its text"),
            _ITEM,
            Param("contact", "reference", help="the contact's id"),
            Param("email", "text", help="of a contact"),
            Param("account", "reference", help="the account's id"),
        ),
        help="Writes into the Account Stream.",
    ),
    Verb(
        "webhook.post",
        (
            Param("to", "text", required=True, help="a named target"),
            Param("body", "any", required=True, help="what is sent, as JSON"),
        ),
        output=("delivery",),
        help="Makes a delivery to a target; done when it is stored.",
    ),
    Verb(
        "emit",
        (
            Param("type", "text", required=True, help="noun.past_participle"),
            Param("data", "map", required=True, help="the event's facts"),
        ),
        output=("event",),
        help="An event for everyone who subscribed to its type.",
    ),
    Verb(
        "stop",
        (Param("reason", "text", required=True, help="shown in the run"),),
        help="Ends the run as filtered.",
    ),
)

CRM_VERBS: Mapping[str, Verb] = {verb.name: verb for verb in _VERBS}
