"""A stand-in for a provider, for test organizations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from relay.integration.sources import Answer


class Books(Protocol):
    """A sandbox's durable documents for one organization, by kind and id. One request is one
    transaction under one lock, so a handler may read, decide and write."""

    def get(self, kind: str, id: str) -> dict[str, object] | None: ...

    def find(self, kind: str, **equals: object) -> list[dict[str, object]]:
        """The documents whose top-level keys equal the given values, oldest first."""
        ...

    def put(self, kind: str, id: str, document: Mapping[str, object]) -> None: ...

    def all(self, kind: str) -> list[dict[str, object]]: ...

    def next_id(self, kind: str) -> int:
        """1, 2, 3 … for each kind."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRequest:
    """A request to a sandbox; `path` is below its root and begins with `/`."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a sandbox tells the organization's source of its provider: the raw body and its type.
    The caller signs it as the source's own `sign` says and sends it as a delivery."""

    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One line of a sandbox's books, for people."""

    id: str
    kind: str
    number: str
    customer: str
    amount: str
    currency: str
    state: str
    created_at: str
    payable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A stateful stand-in for a provider, served to test organizations only.

    handle     one API request; answers as the provider does, refusals included
    documents  its books, newest first
    pay        marks a document as paid and returns the provider's own notifications of it
    credentials  what a sandbox connection is given (the sandbox demands them back)
    faults     what it can be asked to do wrong: name → what happens then, for people
    """

    handle: Callable[[SandboxRequest, Books], Answer]
    documents: Callable[[Books], Sequence[Document]]
    pay: Callable[[Books, str, datetime], Sequence[Notification]]
    credentials: Mapping[str, str]
    settings: Mapping[str, object] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
