"""What a provider may offer: a source, a connector, a sandbox; bundled as an Integration.

A provider's folder under `relay/integrations/` holds one of each it has, and `INTEGRATION`
bundles them. They are frozen bundles of functions: nothing here is inherited.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from relay.core import ids
from relay.core.errors import InvalidInput
from relay.core.event import ParsedEvent
from relay.http import Http
from rules.engine import Verb

SETUP = "## Set up the source"

# --- sources -----------------------------------------------------------------------------------


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


# --- connectors --------------------------------------------------------------------------------


class Credentials(Protocol):
    """A connection's secrets, read and replaced under one lock per connection.

    `tokens` are what a refresh brought (access_token, refresh_token, expires_at as RFC 3339 …).
    """

    async def read(self) -> Mapping[str, str]: ...

    async def replace(
        self, renew: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        """Under the lock: reads again, calls `renew` with what is stored now, stores what it
        returns before anyone uses it, and returns it. `renew` returns its argument unchanged when
        another worker has renewed meanwhile."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One account at one provider, as a connector sees it while it works for it."""

    id: int
    name: str
    provider: str
    base_url: str
    credentials: Credentials
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """The records behind a booking, where the rule leaves things to them (Zuora's new account).

    Each is the record as the rule saw it: `account` {id, name, …}, `contact` {id, email, name,
    first_name, last_name, phone, …}, `item` {id, name, …}; {} where there is none.
    """

    item: Mapping[str, object] = field(default_factory=dict)
    account: Mapping[str, object] = field(default_factory=dict)
    contact: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One action to perform.

    key         the idempotency key: the same for every try whose predecessor's outcome is unknown
    number      our document number (`CRM-` and 16 characters), the same for every try for ever
    reference   short text that ties the document to its deal and event
    look_first  an earlier try may have done it: look for `number` before sending
    customers   the provider's ids of the deal's account, by currency ("": its own), as far as known
    """

    verb: str
    params: Mapping[str, object]
    connection: Connection
    http: Http
    key: str
    number: str
    reference: str
    look_first: bool
    deal: Deal
    now: datetime
    customers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What an action made: `data` is `steps.<id>.output` in rules (id, number, url …).

    `found` says that a look-up found it booked by an earlier try. `amount` and `currency` are kept
    with the booking. `customers` are the provider's ids of the deal's account, by currency, to be
    remembered.
    """

    data: Mapping[str, object]
    found: bool = False
    amount: object = None
    currency: str | None = None
    customers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What of a provider's books is asked for: documents made from `first` until before `after`,
    and those of our `numbers`, whenever they were made."""

    first: datetime
    after: datetime
    numbers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InBooks:
    """A document in a provider's books that carries a number of ours."""

    number: str
    id: str | None
    external_number: str | None
    amount: object
    currency: str | None
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A consent under way: where the provider sends the person back to, the text that proves it is
    the same person, and the secret that only we can redeem the code with (PKCE, RFC 7636)."""

    redirect_uri: str
    state: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a consent brought: secrets, and settings that only the provider knows."""

    credentials: Mapping[str, str]
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """OAuth 2's code flow: a person lets us in on the provider's own page.

    page     its address
    redeem   what the answer (the query of the way back) is worth; raises RemoteError's children
    brings   the secrets that come so: nobody has to type them
    """

    page: Callable[[Connection, Asked], Awaitable[str]]
    redeem: Callable[[Connection, Http, datetime, Asked, Mapping[str, str]], Awaitable[Granted]]
    brings: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a provider takes from all of our workers together, for one account there."""

    per_minute: int
    at_once: int


def _one_account(settings: Mapping[str, object]) -> str:
    del settings
    return ""


def _any_settings(settings: Mapping[str, object]) -> None:
    del settings


async def _no_action(call: Call) -> Output:
    raise InvalidInput(f"{call.connection.provider} is only read from: it has no {call.verb}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """Performs actions in a provider, or only reads from it what its source needs. It speaks to
    one API and raises our errors; it does not retry, sleep, log attempts, open transactions or know
    what a rule is.

    verbs      by short name (`sales_receipt`), each with its schema
    perform    one action; raises RemoteError's children, or InvalidInput for parameters
    test       asks the provider who it is; returns its name for people
    lookup     the calls its source may make to complete thin events
    settings   name → one line of help, for the connection's settings
    secrets    names of the credentials a person gives, in order
    hosts      name → base address, for a person to choose from; the first is the usual one
    check      raises InvalidInput for settings that cannot work
    consent    how a person lets us in, where the provider has OAuth 2
    account    which account at the provider the settings mean: what shares its locks and its pace
    pace       how much of our work it takes
    anywhere   it has no hosts of its own: a person gives its address
    books      the provider's documents that carry numbers of ours: both sides can be compared
    """

    test: Callable[[Connection, Http, datetime], Awaitable[str]]
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    perform: Callable[[Call], Awaitable[Output]] = _no_action
    lookup: Callable[[Connection, Http, datetime], Lookup] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Mapping[str, object]], None] = _any_settings
    consent: Consent | None = None
    account: Callable[[Mapping[str, object]], str] = _one_account
    pace: Pace | None = None
    anywhere: bool = False
    books: Callable[[Connection, Http, datetime, Span], Awaitable[Sequence[InBooks]]] | None = None


# --- sandboxes ---------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """Everything about one provider. `folder` holds its README.md and samples/; `sample` is the
    case that is sent to try a source out, the first one where none is named, and `fresh` are the
    texts in it that name the delivery: each time it is sent they are others."""

    name: str
    title: str
    folder: Path
    sample: str = ""
    fresh: Sequence[str] = ()
    source: Source | None = None
    connector: Connector | None = None
    sandbox: Sandbox | None = None

    def setup(self) -> str:
        """How the source is set up at the sender, from its README.md: what stands below the
        heading that every one of them has."""
        page = (self.folder / "README.md").read_text("utf-8")
        below = page.partition(f"\n{SETUP}\n")[2]
        return re.split(r"^## ", below, maxsplit=1, flags=re.MULTILINE)[0].strip()
