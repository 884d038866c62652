"""A stored connection as its connector sees it: address, settings, and secrets under one lock."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import urlsplit

from sqlalchemy import Connection as Transaction

from relay import log as logging
from relay.core.errors import AuthError, RetryableError
from relay.core.targets import PUBLIC, TargetPolicy
from relay.http import Http
from relay.integration import Connection, Connector
from relay.pipeline.execution import Execution
from relay.runtime import Runtime
from relay.storage import identity
from relay.storage.connections import (
    ConnectionRow,
    connection_now,
    credentials_of,
    set_connection_state,
    store_credentials,
)
from relay.storage.locks import if_free

LOOK = 0.1  # seconds between looks at a lock that somebody holds
log = logging.get()


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """A connection's secrets in the store. `lock` is one for all connections to one account: two
    that renew a token at once leave one of them with a dead one."""

    runtime: Runtime
    id: int
    lock: str

    @classmethod
    def of(cls, runtime: Runtime, row: ConnectionRow) -> Self:
        return cls(runtime, row.id, account_key(runtime, row))

    async def read(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self._read)

    async def replace(
        self, renew: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        async with self._alone():
            known = await self.read()
            renewed = await renew(known)
            if dict(renewed) != dict(known):
                # Stored before anyone uses them: a provider forgets the old ones at once.
                await asyncio.to_thread(self._store, renewed)
            return renewed

    async def put(self, secrets: Mapping[str, str]) -> None:
        """What a person gave, in place of all that was there."""
        async with self._alone():
            await asyncio.to_thread(self._store, secrets, given=True)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """No thread waits for the lock: whoever holds it needs threads to let go of it."""
        while (let_go := await self._asked_for()) is None:
            await asyncio.sleep(LOOK)
        try:
            yield
        finally:
            await asyncio.to_thread(let_go)

    async def _asked_for(self) -> Callable[[], None] | None:
        home = self.runtime.settings.home
        asked = asyncio.ensure_future(asyncio.to_thread(if_free, self.runtime.db, home, self.lock))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            # Its thread goes on, and may take what nobody would let go of.
            asked.add_done_callback(_let_go)
            raise

    def _read(self) -> dict[str, str]:
        with self.runtime.db.read() as conn:
            return credentials_of(conn, self.runtime.vault, self.id)

    def _store(self, secrets: Mapping[str, str], *, given: bool = False) -> None:
        with self.runtime.db.write() as conn:
            store_credentials(conn, self.runtime.vault, self.id, secrets, given=given)


def _let_go(asked: "asyncio.Future[Callable[[], None] | None]") -> None:
    let_go = None if asked.cancelled() or asked.exception() else asked.result()
    if let_go is not None:
        let_go()


def opened(runtime: Runtime, row: ConnectionRow) -> Connection:
    """The connection, ready to be used."""
    return Connection(
        id=row.id,
        name=row.name,
        provider=row.provider,
        base_url=base_url(runtime, row),
        credentials=StoredCredentials.of(runtime, row),
        settings=row.settings,
    )


def base_url(runtime: Runtime, row: ConnectionRow) -> str:
    """Where the provider answers; a sandbox is our own web process, under a random path."""
    if row.sandbox_path is None:
        return row.base_url
    return f"{runtime.settings.base_url}/sandbox/{row.sandbox_path}"


def policy_of(runtime: Runtime, row: ConnectionRow) -> TargetPolicy:
    """A sandbox is exempt from the guard by the connection's kind; an address that a person gave
    may be on a network that the operator allows."""
    if row.sandbox_path is not None:
        return runtime.inward
    connector = _connector(runtime, row)
    return runtime.outward if connector is not None and connector.anywhere else PUBLIC


def account_key(runtime: Runtime, row: ConnectionRow) -> str:
    """The name of the account at the provider: what shares a lock and a pace, whichever
    connections lead there."""
    connector = _connector(runtime, row)
    account = connector.account(row.settings) if connector else ""
    if row.sandbox_path is not None:
        where = f"sandbox of {row.org}"
    else:
        where = urlsplit(row.base_url).hostname or ""
    # Without an account in the settings, each connection is one of its own.
    name = "\x1f".join((row.provider, where, account or f"connection {row.id}"))
    return f"account-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def http_for(runtime: Runtime, row: ConnectionRow) -> Http:
    """Calls to the connection's provider, no more of them than it takes from all of us."""
    connector = _connector(runtime, row)
    pace = connector.pace if connector else None
    turn = None
    if pace is not None:
        key = account_key(runtime, row)
        turn = runtime.http.turns.of(key, per_minute=pace.per_minute, at_once=pace.at_once)
    return Http(runtime.http, policy_of(runtime, row), turn=turn)


def wait_for(conn: Transaction, execution: Execution, row: ConnectionRow, now: datetime) -> None:
    """Holds the run until the connection works. Where somebody has just made it work, nobody would
    let the run go: it is taken up again with what is set up now."""
    if connection_now(conn, row).state == "active":
        works = RetryableError(f"connection {row.name} works again")
        execution.postpone(works, now, timedelta(0))
    else:
        execution.hold(f"connection {row.name} is {row.state}", now, row.id)


def stop(
    runtime: Runtime, conn: Transaction, row: ConnectionRow, error: AuthError, now: datetime
) -> bool:
    """The connection needs a person. Many calls may find that out at once; it is told once. False
    where a person has given other secrets since: those are still to be tried."""
    there = connection_now(conn, row)
    if there.given != row.given:
        return False
    if there.state == "active":
        set_connection_state(conn, row.org, row.id, "needs_reconnect", str(error))
        identity.audit(
            conn, row.org, "relay", "connection stopped", row.name,
            after={"reason": str(error)}, at=now,
        )  # fmt: skip
        log.warning("connection_stopped", org=row.org, connection=row.id)
    return True


def _connector(runtime: Runtime, row: ConnectionRow) -> Connector | None:
    found = runtime.integrations.get(row.provider)
    return found.connector if found else None
