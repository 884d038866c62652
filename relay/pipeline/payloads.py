"""What a hook is told: the record of an event as one flat object, or in an envelope.

The shapes are those of `relay.core.catalogue`; a sample is made by the same functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from relay.core.ids import public
from relay.pipeline.plain import plain, time

LARGEST = 256 * 1024  # bytes of a message's body
_NO_FIELDS = frozenset({"id", "name", "created", "modified", "emails"})

Facts = Mapping[str, Any]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that hooks may want to hear of. `event` names the message: all changes of an item
    that were made together have one. `facts` are what a hook's condition sees, `key` what its
    messages are ordered by."""

    org: int
    event: int
    type: str
    at: datetime
    facts: Facts
    data: Document
    key: str | None = None
    item: str | None = None
    list_id: str | None = None
    account_id: str | None = None
    run: int | None = None

    @property
    def message(self) -> str:
        """The message's id: the same for whoever gets it, on every try."""
        return public("evt", self.event)


def item(change: Facts, group: int) -> Document:
    """`list_item.created` and `list_item.updated`. Each update has an id of its own, for those
    who drop an id that they have seen."""
    record = change["record"]
    of_item: Facts = record["item"] or {}
    account, contact = record.get("account"), record.get("contact")
    id, made = str(of_item.get("id")), "created" in change
    return {
        "id": id if made else f"{id}-{group}",
        "item_id": id,
        "list_id": change.get("list_id"),
        "list": change.get("list"),
        "name": of_item.get("name"),
        "account": None if account is None else {"id": account["id"], "name": account["name"]},
        "contact": None if contact is None else _person(contact),
        "emails": list(of_item.get("emails") or ()),
        "fields": {k: plain(v) for k, v in of_item.items() if k not in _NO_FIELDS},
        "changed": plain(change.get("changed") or {}),
        "created_at": time(of_item.get("created")),
        "modified_at": time(of_item.get("modified")),
    }


def removed(change: Facts, event: int) -> Document:
    """`list_item.removed`: an item may come back, and be removed again."""
    id = str(change["item_id"])
    names = {"list_id": change.get("list_id"), "list": change.get("list"), "name": change["about"]}
    return {"id": f"{id}-{event}", "item_id": id, **names, "removed_at": time(change["at"])}


def contact(change: Facts, event: int) -> Document:
    """`contact.created` and `contact.updated`."""
    record: Facts = change["record"]["contact"]
    id = str(record["id"])
    made = "created" in change
    return {**_person(record), "id": id if made else f"{id}-{event}", "contact_id": id}


def account(change: Facts, event: int) -> Document:
    """`account.created`."""
    del event
    record: Facts = change["record"]["account"]
    return {
        "id": record["id"],
        "account_id": record["id"],
        "name": record["name"],
        "fields": {k: plain(v) for k, v in record.items() if k not in ("id", "name")},
    }


def entry(change: Facts, event: int) -> Document:
    """`stream.posted`."""
    posted: Facts = change["record"]["entry"]
    author: Facts = change["author"]
    return {
        "id": public("evt", event),
        **{name: posted.get(name) for name in ("subject", "body")},
        **{name: posted.get(name) for name in ("item_id", "account_id", "contact_id")},
        "by": {"kind": author["kind"], "ref": author["ref"]},
        "at": time(change["at"]),
    }


def received(
    event: int, source: str, at: datetime, data: Mapping[str, object]
) -> Document:  # fmt: skip
    """What a sender told, in our vocabulary."""
    id = public("evt", event)
    return {**plain(data), "id": id, "source": source, "occurred_at": time(at), "event_id": id}


def emitted(event: int, data: Mapping[str, object]) -> Document:
    """What a rule made of an event; its own `id` stays."""
    made: Document = plain(data)
    return made if made.get("id") else {**made, "id": public("evt", event)}


def body(
    format: str, type: str, at: datetime, data: Document, *, url: str, sequence: int | None
) -> bytes:
    """The bytes that are signed and sent. What is too large becomes its address."""
    made = _written(format, type, at, data, sequence)
    if len(made) <= LARGEST:
        return made
    thin = {"id": data.get("id"), "is_thin": True, "url": url}
    return _written(format, type, at, thin, sequence)


def _written(
    format: str, type: str, at: datetime, data: Document, sequence: int | None
) -> bytes:  # fmt: skip
    if format == "flat":
        return orjson.dumps(data)
    envelope: Document = {"type": type, "timestamp": time(at), "data": data}
    if sequence is not None:
        envelope["sequence"] = sequence
    return orjson.dumps(envelope)


def _person(record: Facts) -> Document:
    names = ("id", "email", "name", "first_name", "last_name", "phone", "title")
    return {name: record.get(name) for name in names}
