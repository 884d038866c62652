"""What an organization has, as the checker sees it: lists with fields, sources, connections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from rules.engine.vocabulary import EVENTS

FieldType = Literal[
    "text", "number", "date", "select", "multi_select", "status", "user", "boolean", "any"
]
KEYWORDS = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "type",
        "var",
        "void",
        "while",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """One field: its name in rules, its label for people, its type, and its options' labels."""

    slug: str
    label: str
    type: FieldType = "text"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSchema:
    title: str
    kind: Literal["account", "contact"] = "account"
    fields: tuple[FieldSchema, ...] = ()


# Always there, whatever the organization's own fields are.
ITEM = tuple(
    FieldSchema(slug=slug, label=slug, type=cast("FieldType", kind))
    for slug, kind in (
        ("id", "text"),
        ("name", "text"),
        ("created", "date"),
        ("modified", "date"),
        ("owner", "user"),
        ("emails", "multi_select"),
    )
)
ACCOUNT = (FieldSchema(slug="id", label="id"), FieldSchema(slug="name", label="name"))
CONTACT = tuple(
    FieldSchema(slug=slug, label=slug)
    for slug in ("id", "email", "name", "first_name", "last_name", "phone", "title")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schemas:
    """`sources` and `connections` map a name to its provider; `events` a type to its facts.
    `settings` is None where the organization's settings are not known. `crm` is the connection to
    a CRM elsewhere; None: the records are Relay's own."""

    lists: tuple[ListSchema, ...] = ()
    account: tuple[FieldSchema, ...] = ()
    contact: tuple[FieldSchema, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    connections: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    settings: tuple[str, ...] | None = None
    crm: str | None = None
    events: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: EVENTS)

    def list_called(self, title: str | None) -> ListSchema | None:
        return next((found for found in self.lists if found.title == title), None)

    @staticmethod
    def from_data(data: Mapping[str, object]) -> Schemas:
        """From plain values, as a schema file holds them."""
        return Schemas(
            lists=tuple(_list(found) for found in _maps(data.get("lists"))),
            account=_fields(data.get("account")),
            contact=_fields(data.get("contact")),
            sources=_texts(data.get("sources")),
            connections=_texts(data.get("connections")),
            targets=_names(data.get("targets")),
            settings=_names(data["settings"]) if data.get("settings") is not None else None,
            crm=str(data["crm"]) if data.get("crm") is not None else None,
        )

    def to_data(self) -> dict[str, object]:
        return {
            "lists": [
                {"title": found.title, "kind": found.kind, "fields": _plain(found.fields)}
                for found in self.lists
            ],
            "account": _plain(self.account),
            "contact": _plain(self.contact),
            "sources": dict(self.sources),
            "connections": dict(self.connections),
            "targets": list(self.targets),
            "settings": None if self.settings is None else list(self.settings),
            "crm": self.crm,
        }


def slug_of(label: str) -> str:
    """A label as rules name it: `Close Date` is `close_date`; a keyword gets a trailing `_`."""
    slug = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "_"
    slug = f"_{slug}" if slug[0].isdigit() else slug
    return f"{slug}_" if slug in KEYWORDS else slug


def _list(data: Mapping[str, object]) -> ListSchema:
    kind = data.get("kind")
    return ListSchema(
        title=str(data["title"]),
        kind="contact" if kind == "contact" else "account",
        fields=_fields(data.get("fields")),
    )


def _fields(value: object) -> tuple[FieldSchema, ...]:
    return tuple(
        FieldSchema(
            slug=str(found.get("slug") or slug_of(str(found["label"]))),
            label=str(found["label"]),
            type=_type(found.get("type", "text")),
            options=_names(found.get("options")),
        )
        for found in _maps(value)
    )


def _type(value: object) -> FieldType:
    return cast("FieldType", value) if value in get_args(FieldType) else "any"


def _plain(fields: Iterable[FieldSchema]) -> list[dict[str, object]]:
    return [
        {"slug": found.slug, "label": found.label, "type": found.type}
        | ({"options": list(found.options)} if found.options else {})
        for found in fields
    ]


def _maps(value: object) -> list[Mapping[str, object]]:
    return (
        [found for found in value if isinstance(found, Mapping)] if isinstance(value, list) else []
    )


def _texts(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(found) for found in value) if isinstance(value, list) else ()
