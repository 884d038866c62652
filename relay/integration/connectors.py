"""What we do at a provider, through one account there."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from relay.core.errors import InvalidInput
from relay.http import Http
from relay.integration.sources import Lookup
from rules.engine import Verb


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
    and those of our `numbers`, whenever they were made, with the provider's own id of each."""

    first: datetime
    after: datetime
    numbers: Mapping[str, str | None]


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
