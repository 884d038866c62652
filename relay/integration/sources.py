"""What a provider sends us, and how it is read."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from relay.core import ids
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundRequest:
    """A request as it came. `url` is the full public one, escapes untouched; header names are
    lower case; a header that came twice is joined by `, `."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    query: Mapping[str, str] = field(default_factory=dict)
    _read: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, read: Callable[["InboundRequest"], R]) -> R:
        """What `read` makes of it, which is done once: what checks, keys, orders and hides a
        delivery all need its fields. Raises Unreadable every time, where it is raised."""
        if read not in self._read:
            try:
                self._read[read] = read(self)
            except Unreadable as error:
                self._read[read] = error
        found: R | Unreadable = self._read[read]
        if isinstance(found, Unreadable):
            raise found.with_traceback(None)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """One source's settings. `secrets` are the live ones, newest first (several while rotating).
    `url` is its inbound address, given where something is signed for it: some senders sign it."""

    name: str
    secrets: Sequence[str] = ()
    url: str = ""
    options: Mapping[str, object] = field(default_factory=dict)


KEEP_REFUSED = "keep_refused"
# What every source can be told, beside its own.
COMMON_OPTIONS: Mapping[str, str] = {
    KEEP_REFUSED: "yes: the bodies of refused deliveries are kept too, the first 16 kB (no)"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a sender is told. An empty body and no cookie unless the sender needs more."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of a stored request: its event's public id, and where its story can be read."""

    id: str
    duplicate: bool
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A secret that a sender brings by itself (FreshBooks' verifier), and what it calls it. It
    counts once the sender's own API has confirmed it."""

    id: str
    secret: str


class Lookup(Protocol):
    """The calls a thin source may make through its connection to complete an event."""

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """The JSON document at `path` below the connection's base address."""
        ...


def _no_handshake(request: InboundRequest, config: SourceConfig) -> Answer | None:
    del request, config
    return None


def _brings_none(request: InboundRequest, config: SourceConfig) -> Brought | None:
    del request, config
    return None


async def _nothing(event: ParsedEvent, brought: Mapping[str, str], lookup: Lookup) -> str | None:
    del event, brought, lookup
    return None


def _empty(request: InboundRequest, accepted: Accepted, config: SourceConfig) -> Answer:
    del request, accepted, config
    return Answer()


def _refused(request: InboundRequest, config: SourceConfig) -> Answer:
    del request, config
    return Answer(status=401)


def _no_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del request, config
    return None


def _placed_nowhere(body: bytes, config: SourceConfig) -> bytes:
    del config
    return body


def _no_labels(request: InboundRequest, config: SourceConfig) -> Mapping[str, str]:
    del request, config
    return {}


def _as_sent(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    del config
    return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Reads a provider's requests into events. Every function is pure.

    verify       raises BadSignature; on raw bytes, in constant time, before anything is parsed
    parse        the events of an authentic request; raises Unreadable, with the place;
                 [] means known and skipped
    dedupe_key   the delivery's own key; None: every delivery is its own event
    subject      the email the delivery is about, where cheap to see; orders the work per contact
    handshake    the answer to a request that is not an event (probe, challenge); None: it is one
    accepted     the answer once it is stored (a duplicate too)
    refused      the answer to a bad signature
    redact       the request as it may be stored: secrets in the body or headers taken out
    complete     the call that fetches what a thin event only names
    brings       the secret that an unsigned request brings; it is kept apart, encrypted
    confirm      asks the sender's API whether such a secret, by id among those kept apart, is its
                 own; the id where it is, None for an event that is not about one
    sign         headers that make a body authentic: used by sandboxes, samples and `send-sample`
    place        the body with the secret among its fields, where the scheme hides it there
    labels       what people call the fields whose names say nothing
    methods      besides POST
    secret       `generated` by us, `pasted` from the sender, `brought` by it, or `none`
    new_secret   makes one, where it is `generated`
    proof        how a delivery proves itself, in a few words for people
    mapped       the events a new source's own mapping is about; None: every one of the common
                 vocabulary that it can become
    options      name → one line of help, for the settings a person may give
    """

    verify: Callable[[InboundRequest, SourceConfig], None]
    parse: Callable[[InboundRequest, SourceConfig], Sequence[ParsedEvent]]
    event_types: Sequence[str]
    dedupe_key: Callable[[InboundRequest, SourceConfig], str | None] = _no_key
    subject: Callable[[InboundRequest, SourceConfig], str | None] = _no_key
    handshake: Callable[[InboundRequest, SourceConfig], Answer | None] = _no_handshake
    accepted: Callable[[InboundRequest, Accepted, SourceConfig], Answer] = _empty
    refused: Callable[[InboundRequest, SourceConfig], Answer] = _refused
    redact: Callable[[InboundRequest, SourceConfig], InboundRequest] = _as_sent
    complete: Callable[[ParsedEvent, Lookup], Awaitable[Sequence[ParsedEvent]]] | None = None
    brings: Callable[[InboundRequest, SourceConfig], Brought | None] = _brings_none
    confirm: Callable[[ParsedEvent, Mapping[str, str], Lookup], Awaitable[str | None]] = _nothing
    sign: Callable[[bytes, SourceConfig, datetime], Mapping[str, str]] | None = None
    place: Callable[[bytes, SourceConfig], bytes] = _placed_nowhere
    labels: Callable[[InboundRequest, SourceConfig], Mapping[str, str]] = _no_labels
    methods: Sequence[str] = ()
    secret: str = "generated"  # noqa: S105 - says who makes it
    new_secret: Callable[[], str] = ids.token
    proof: str = "the secret address"
    mapped: Sequence[str] | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def usual_events(self) -> Sequence[str]:
        """The events a new source's own mapping is about."""
        return self.event_types if self.mapped is None else self.mapped

    @property
    def settings(self) -> Mapping[str, str]:
        """Its own options and those that every source has."""
        return {**self.options, **COMMON_OPTIONS}
