"""One change that QuickBooks tells of, in either of its two formats.

developer.intuit.com, "Webhooks"; blogs.intuit.com, 2025-11-12, "Upcoming change to webhooks payload
structure": an array of CloudEvents takes the place of `eventNotifications`. Both are read, told
apart by the body alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.core.errors import Unreadable
from relay.core.facts import a_list, a_map, a_text

_CLOUD_TYPE = re.compile(r"qbo\.([a-z0-9_-]+)\.([a-z_-]+)(?:\.v\d+)?", re.IGNORECASE)
_LETTERS = re.compile(r"[^a-z0-9]")

# The old format says what to do, the new one what was done.
_OPERATIONS: Mapping[str, str] = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "merge": "merged",
    "void": "voided",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to which document of which company. `body` is what the sender sent about it,
    with the company's id."""

    realm: str
    entity: str
    id: str
    operation: str
    at: datetime | None
    body: Mapping[str, object]

    @property
    def type(self) -> str:
        return f"quickbooks.{self.entity}.{self.operation}"

    @property
    def key(self) -> str:
        """The same for the same change in both formats: the old one tells no fractions."""
        second = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self.at else ""
        return ":".join((self.realm, self.entity, self.id, self.operation, second))


Told = tuple[str, object]  # a place, and what stands there


def told_in(document: object) -> list[Told]:
    """Every change of a notification, not read yet. Raises Unreadable."""
    if isinstance(document, list):
        return [(f"[{index}]", each) for index, each in enumerate(document)]
    if isinstance(document, Mapping) and isinstance(document.get("eventNotifications"), list):
        return list(_legacy(document))
    raise Unreadable("neither an array of events nor eventNotifications")


def read(told: Told) -> Change:
    """A change. Raises Unreadable with the place."""
    place, value = told
    event = a_map(value)
    if place.startswith("["):
        return _cloud(value, place)
    return _entity(event, _required(event, "realmId", place), place)


def change_of(body: object) -> Change:
    """The change behind the body of an event."""
    event = a_map(body)
    if "realmId" in event:
        return _entity(event, a_text(event.get("realmId")) or "", "body")
    return _cloud(body, "body")


def _cloud(value: object, place: str) -> Change:
    event = a_map(value)
    kind = a_text(event.get("type"))
    if kind is None:
        raise Unreadable(f"{place}.type is missing")
    match = _CLOUD_TYPE.fullmatch(kind)
    if match is None:
        raise Unreadable(f"{place}.type is not qbo.<entity>.<operation>.v1: {kind[:60]}")
    return Change(
        realm=_required(event, "intuitaccountid", place),
        entity=_word(match[1]),
        id=_required(event, "intuitentityid", place),
        operation=_operation(match[2]),
        at=_time(event.get("time")),
        body=event,
    )


def _legacy(document: Mapping[str, object]) -> Iterator[Told]:
    for index, notification in enumerate(a_list(document["eventNotifications"])):
        place = f"eventNotifications[{index}]"
        realm = a_text(a_map(notification).get("realmId"))
        entities = a_list(a_map(a_map(notification).get("dataChangeEvent")).get("entities"))
        if realm is None and not entities:
            yield place, {}
        for number, entity in enumerate(entities):
            where = f"{place}.dataChangeEvent.entities[{number}]"
            yield where, {"realmId": realm, **a_map(entity)}


def _entity(entity: Mapping[str, object], realm: str, place: str) -> Change:
    return Change(
        realm=realm,
        entity=_word(_required(entity, "name", place)),
        id=_required(entity, "id", place),
        operation=_operation(_required(entity, "operation", place)),
        at=_time(entity.get("lastUpdated")),
        body=entity,
    )


def _required(event: Mapping[str, object], name: str, place: str) -> str:
    text = a_text(event.get(name))
    if text is None:
        raise Unreadable(f"{place}.{name} is missing")
    return text[:200]


def _word(text: str) -> str:
    """`SalesReceipt` and `salesreceipt` are one."""
    return _LETTERS.sub("", text.lower())[:60] or "unknown"


def _operation(text: str) -> str:
    word = _word(text)
    return _OPERATIONS.get(word, word)


def _time(value: object) -> datetime | None:
    """ISO 8601 with an offset with or without a colon, and with up to nanoseconds."""
    try:
        at = datetime.fromisoformat(a_text(value) or "")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
