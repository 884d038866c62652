"""Accounts at providers, as people set them up: add, change, connect again, remove."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson
from sqlalchemy import Connection, func, select

from relay.core import options
from relay.core.errors import AuthError, Conflict, InvalidInput
from relay.core.ids import public
from relay.core.targets import check_url
from relay.integration import Asked, Connector, Consent, Granted, Integration
from relay.pipeline import connecting, release, rules
from relay.pipeline.arrange import connection_called
from relay.pipeline.notices import reachable
from relay.pipeline.troubles import CHANNEL, EMAIL, NOTIFY, OWNER
from relay.queue import WATCH
from relay.runtime import Runtime
from relay.setups import CRM
from relay.storage import connections, identity, watch
from relay.storage.connections import ConnectionRow
from relay.storage.tables.runs import bookings, runs

NOT_YET = "nobody has let Relay in yet"
PREFIX = "number_prefix"  # a setting of every connector that books
LONGEST_PREFIX = 5  # with our 16 characters that is what the shortest field takes (QuickBooks: 21)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """A connection as somebody asks for it. `host` is a name or an address of the connector's
    `hosts`, `url` the address of what stands anywhere; of a provider with a sandbox a test
    organization gets that, and no more is asked of it."""

    provider: str
    name: str
    host: str | None = None
    url: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)


def connector_of(runtime: Runtime, provider: str) -> tuple[Integration, Connector]:
    """Raises InvalidInput."""
    found = runtime.integrations.get(provider)
    if found is None or found.connector is None:
        known = [name for name, one in runtime.integrations.items() if one.connector is not None]
        raise InvalidInput(
            f"there is nothing to connect to called {provider!r}: {', '.join(known)}"
        )
    return found, found.connector


def secrets_wanted(connector: Connector) -> Sequence[str]:
    """Those that a person types: a consent brings the others."""
    brought = connector.consent.brings if connector.consent else ()
    return [name for name in connector.secrets if name not in brought]


def settings_of(connector: Connector) -> dict[str, str]:
    """What may be set, each with a line of help."""
    books = any(verb.books for verb in connector.verbs.values())
    prefix = {PREFIX: "what our document numbers begin with, up to 5 characters (CRM-)"}
    notify = {NOTIFY: "who is told when it stops: owner, email:ADDRESS, channel:TARGET (owner)"}
    return {**connector.settings, **(prefix if books else {}), **notify}


def from_texts(given: Mapping[str, str]) -> dict[str, object]:
    """Settings as a form has them: a map is written as JSON, all else is text."""
    return {name: _map_or_text(name, text) for name, text in given.items()}


def _map_or_text(name: str, text: str) -> object:
    if not text.startswith(("{", "[")):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{name} is not a map that can be read: {error}") from error


def add(runtime: Runtime, org: int, new: NewConnection, *, by: str) -> ConnectionRow:
    """The connection; one that a person has yet to let in waits as `needs_reconnect`."""
    integration, connector = connector_of(runtime, new.provider)
    if not new.name.strip():
        raise InvalidInput("a connection needs a name", {"name": ["is empty"]})
    with runtime.db.write() as conn:
        owner = identity.organization(conn, org)
        if new.url is not None and not connector.anywhere:
            raise InvalidInput(f"{integration.title} has hosts of its own: no address is given")
        secrets: Mapping[str, str]
        if connector.anywhere:
            base_url, settings = _address(runtime, conn, owner, new), new.settings
            secrets = _typed(connector, new.secrets)
        elif owner.is_test:
            base_url, secrets, settings = "", *_of_sandbox(integration, new)
        else:
            base_url = _host(connector, new.host)
            secrets, settings = _typed(connector, new.secrets), new.settings
        kept = _checked(conn, org, connector, settings)
        id = connections.create_connection(
            conn,
            runtime.vault,
            org,
            provider=new.provider,
            name=new.name.strip(),
            base_url=base_url,
            credentials=secrets,
            settings=kept,
            sandbox=owner.is_test and not connector.anywhere,
            at=runtime.clock.now(),
        )
        if new.provider == CRM:
            watch.begin(runtime.db, conn, org, id)
        # A second one of a kind makes steps ambiguous that name none.
        rules.relint(runtime, conn, org)
        if _waits_for_consent(connector, secrets):
            connections.set_connection_state(conn, org, id, "needs_reconnect", NOT_YET)
        identity.audit(conn, org, by, "connection added", new.name.strip(),
                       after={"provider": new.provider, **kept},
                       at=runtime.clock.now())  # fmt: skip
        row = connection_called(conn, org, public("con", id))
    if new.provider == CRM:
        runtime.queue.wake(WATCH, [id])
    return row


def change(
    runtime: Runtime,
    org: int,
    ref: str,
    *,
    settings: Mapping[str, object] | None = None,
    name: str | None = None,
    by: str,
) -> ConnectionRow:
    """Settings are set one by one; None takes one away."""
    with runtime.db.write() as conn:
        row = connection_called(conn, org, ref)
        _, connector = connector_of(runtime, row.provider)
        merged = {**row.settings, **(settings or {})}
        kept = _checked(
            conn, org, connector, {key: v for key, v in merged.items() if v is not None}
        )
        fresh = (name or row.name).strip()
        connections.change_connection(conn, org, row.id, name=fresh, settings=kept)
        if fresh != row.name:
            rules.relint(runtime, conn, org)
        identity.audit(conn, org, by, "connection changed", fresh,
                       before=row.settings, after=kept, at=runtime.clock.now())  # fmt: skip
        return connection_called(conn, org, public("con", row.id))


def reconnect(
    runtime: Runtime, org: int, ref: str, secrets: Mapping[str, str], *, by: str
) -> tuple[ConnectionRow, int]:
    """Other secrets for the same account; the runs that waited go on, how many those are."""
    with runtime.db.read() as conn:
        row = connection_called(conn, org, ref)
    integration, connector = connector_of(runtime, row.provider)
    if row.sandbox_path is None:
        typed = _typed(connector, secrets)
    else:
        typed = {**(integration.sandbox.credentials if integration.sandbox else {}), **secrets}
    return _renewed(runtime, row, connector, typed, row.settings, by=by)


def remove(runtime: Runtime, org: int, ref: str, *, by: str) -> None:
    """Its secrets are forgotten; its bookings stay. Raises Conflict while work waits for it."""
    with runtime.db.write() as conn:
        row = connection_called(conn, org, ref)
        _check_idle(conn, row)
        connections.remove_connection(conn, row, runtime.clock.now())
        watch.forget(conn, row.id)
        rules.relint(runtime, conn, org)
        identity.audit(conn, org, by, "connection removed", row.name, at=runtime.clock.now())


# --- OAuth 2 -------------------------------------------------------------------------------------


def consent_page(runtime: Runtime, org: int, ref: str, asked: Asked) -> str:
    """Where the person is sent. Raises InvalidInput where there is nothing of the kind."""
    row, _, consent = _consenting(runtime, org, ref)
    return asyncio.run(_page(runtime, row, consent, asked))


def consented(
    runtime: Runtime, org: int, ref: str, asked: Asked, answer: Mapping[str, str], *, by: str
) -> tuple[ConnectionRow, int]:
    """The person came back with a code; the runs that waited go on. Raises RemoteError's
    children, or Conflict for the account of somebody else."""
    row, connector, consent = _consenting(runtime, org, ref)
    granted = asyncio.run(_redeemed(runtime, row, consent, asked, answer))
    account = connector.account(row.settings)
    settings = {**row.settings, **granted.settings}
    if account and connector.account(settings) != account:
        raise Conflict(
            f"{row.name} is connected to the account {account}, and you have let Relay into"
            f" {connector.account(settings)}: add a connection of its own for that one"
        )
    kept = _kept(runtime, row)
    known = {name: kept[name] for name in connector.secrets if name in kept}
    return _renewed(runtime, row, connector, {**known, **granted.credentials}, settings, by=by)


def _kept(runtime: Runtime, row: ConnectionRow) -> Mapping[str, str]:
    """Its secrets as they are; none where they cannot be read."""
    try:
        with runtime.db.read() as conn:
            return connections.credentials_of(conn, runtime.vault, row.id)
    except AuthError:
        return {}


async def _page(runtime: Runtime, row: ConnectionRow, consent: Consent, asked: Asked) -> str:
    return await consent.page(connecting.opened(runtime, row), asked)


async def _redeemed(
    runtime: Runtime, row: ConnectionRow, consent: Consent, asked: Asked, answer: Mapping[str, str]
) -> Granted:
    http, connection = connecting.http_for(runtime, row), connecting.opened(runtime, row)
    try:
        return await consent.redeem(connection, http, runtime.clock.now(), asked, answer)
    finally:
        # The loop ends with this call, and its connections with it.
        await runtime.http.aclose()


def _consenting(runtime: Runtime, org: int, ref: str) -> tuple[ConnectionRow, Connector, Consent]:
    with runtime.db.read() as conn:
        row = connection_called(conn, org, ref)
    _, connector = connector_of(runtime, row.provider)
    if connector.consent is None:
        raise InvalidInput(f"{row.name} is connected with its secrets: give them anew")
    return row, connector, connector.consent


# --- what is given -------------------------------------------------------------------------------


def _of_sandbox(
    integration: Integration, new: NewConnection
) -> tuple[Mapping[str, str], Mapping[str, object]]:
    if integration.sandbox is None:
        raise InvalidInput(f"{integration.title} has no sandbox, and this is a test organization")
    if new.host or new.secrets:
        raise InvalidInput(
            "a test organization reaches no real account: it gets a sandbox, which needs no host"
            " and no secrets. Make a real organization with relay org create"
        )
    return integration.sandbox.credentials, {**integration.sandbox.settings, **new.settings}


def _host(connector: Connector, given: str | None) -> str:
    """One of the provider's own hosts: a free address would get the secrets."""
    if given is None:
        return next(iter(connector.hosts.values()))
    for name, address in connector.hosts.items():
        if given.rstrip("/") in (name, address):
            return address
    raise InvalidInput(f"there is no host {given!r}: {', '.join(connector.hosts)}")


def _address(
    runtime: Runtime, conn: Connection, owner: identity.Organization, new: NewConnection
) -> str:
    """Where the CRM answers. Raises InvalidInput for what this organization may not call, Conflict
    where it has a CRM elsewhere already."""
    if not new.url:
        raise InvalidInput("give the address of its API", {"url": ["is missing"]})
    known = [r for r in connections.all_connections(conn, owner.id) if r.provider == new.provider]
    if known:
        raise Conflict(
            f"the organization's CRM is {known[0].name} already: remove that connection first"
        )
    url = new.url.strip().rstrip("/")
    check_url(url, runtime.outward)
    if urlsplit(url).query or urlsplit(url).fragment:
        raise InvalidInput("the address ends with its path, such as https://crm.example.com/v2")
    if not reachable(runtime.setups.of(conn, owner.id), runtime.outward, url):
        raise InvalidInput(
            "a test organization reaches the networks of RELAY_EGRESS_ALLOW alone, by their"
            " addresses. Make a real organization with relay org create"
        )
    return url if urlsplit(url).path else f"{url}/v2"


def _typed(connector: Connector, given: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(given) - set(connector.secrets))
    if unknown:
        known = ", ".join(connector.secrets)
        raise InvalidInput(f"there is no secret {unknown[0]!r}: {known}")
    found = {name: text.strip() for name, text in given.items() if text.strip()}
    missing = [name for name in secrets_wanted(connector) if name not in found]
    if missing:
        raise InvalidInput(f"{missing[0]} is missing", {name: ["is missing"] for name in missing})
    return found


def _checked(
    conn: Connection, org: int, connector: Connector, settings: Mapping[str, object]
) -> dict[str, object]:
    known = settings_of(connector)
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise InvalidInput(f"there is no setting {unknown[0]!r}: {', '.join(known)}")
    prefix = options.text(settings, PREFIX)
    if prefix and (len(prefix) > LONGEST_PREFIX or not prefix.replace("-", "").isalnum()):
        raise InvalidInput(
            f"{PREFIX} is up to {LONGEST_PREFIX} letters, digits and dashes, not {prefix!r}"
        )
    for who in options.texts(settings, NOTIFY):
        _check_told(conn, org, who)
    connector.check(settings)
    return dict(settings)


def _check_told(conn: Connection, org: int, who: str) -> None:
    kind, _, name = who.partition(":")
    if who == OWNER or (f"{kind}:" == EMAIL and "@" in name):
        return
    if f"{kind}:" != CHANNEL:
        raise InvalidInput(f"{NOTIFY} is owner, email:ADDRESS or channel:TARGET, not {who!r}")
    if not connections.has_target(conn, org, name):
        raise InvalidInput(f"{NOTIFY}: there is no target {name!r}: relay target add {name} URL")


def _waits_for_consent(connector: Connector, secrets: Mapping[str, str]) -> bool:
    return connector.consent is not None and any(
        name not in secrets for name in connector.consent.brings
    )


def _renewed(
    runtime: Runtime,
    row: ConnectionRow,
    connector: Connector,
    secrets: Mapping[str, str],
    settings: Mapping[str, object],
    *,
    by: str,
) -> tuple[ConnectionRow, int]:
    """Under the same lock as every renewal: a worker that is renewing the old ones ends first."""
    asyncio.run(connecting.StoredCredentials.of(runtime, row).put(secrets))
    waits = _waits_for_consent(connector, secrets)
    with runtime.db.write() as conn:
        kept = _checked(conn, row.org, connector, settings)
        connections.change_connection(conn, row.org, row.id, name=row.name, settings=kept)
        state, reason = ("needs_reconnect", NOT_YET) if waits else ("active", None)
        connections.set_connection_state(conn, row.org, row.id, state, reason)
        freed = [] if waits else release.of_connection(conn, runtime, row.org, row.id)
        identity.audit(conn, row.org, by, "connection made anew", row.name,
                       at=runtime.clock.now())  # fmt: skip
        found = connection_called(conn, row.org, public("con", row.id))
    release.wake(runtime, freed)
    return found, len(freed)


def _check_idle(conn: Connection, row: ConnectionRow) -> None:
    held = (
        select(func.count())
        .select_from(runs)
        .where(runs.c.org_id == row.org, runs.c.state == "held", runs.c.held_by == row.id)
    )
    sent = (
        select(func.count())
        .select_from(bookings)
        .where(
            bookings.c.org_id == row.org,
            bookings.c.connection_id == row.id,
            bookings.c.state == "sent",
        )
    )
    for query, what in ((held, "runs wait for it"), (sent, "bookings are under way in it")):
        number = conn.execute(query).scalar_one()
        if number:
            raise Conflict(
                f"{row.name} is not removed: {number} {what}; let them end or cancel them"
            )
