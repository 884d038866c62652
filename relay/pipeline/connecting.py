"""A stored connection as its connector sees it: address, settings, and secrets under one lock."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from relay.core.targets import PUBLIC, TargetPolicy
from relay.integration import Connection
from relay.runtime import Runtime
from relay.storage.connections import ConnectionRow, credentials_of, store_credentials
from relay.storage.locks import only_one


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """A connection's secrets in the store."""

    runtime: Runtime
    id: int

    async def read(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self._read)

    async def replace(
        self, renew: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        lock = only_one(self.runtime.db, self.runtime.settings.home, f"connection-{self.id}")
        await asyncio.to_thread(lock.__enter__)
        try:
            known = await self.read()
            renewed = await renew(known)
            if dict(renewed) != dict(known):
                # Stored before anyone uses them: a provider forgets the old ones at once.
                await asyncio.to_thread(self._store, renewed)
            return renewed
        finally:
            await asyncio.to_thread(lock.__exit__, None, None, None)

    def _read(self) -> dict[str, str]:
        with self.runtime.db.read() as conn:
            return credentials_of(conn, self.runtime.vault, self.id)

    def _store(self, renewed: Mapping[str, str]) -> None:
        with self.runtime.db.write() as conn:
            store_credentials(conn, self.runtime.vault, self.id, renewed)


def opened(runtime: Runtime, row: ConnectionRow) -> Connection:
    """The connection, ready to be used."""
    return Connection(
        id=row.id,
        name=row.name,
        provider=row.provider,
        base_url=base_url(runtime, row),
        credentials=StoredCredentials(runtime, row.id),
        settings=row.settings,
    )


def base_url(runtime: Runtime, row: ConnectionRow) -> str:
    """Where the provider answers; a sandbox is our own web process, under a random path."""
    if row.sandbox_path is None:
        return row.base_url
    return f"{runtime.settings.base_url}/sandbox/{row.sandbox_path}"


def policy_of(runtime: Runtime, row: ConnectionRow) -> TargetPolicy:
    """A sandbox is exempt from the guard by the connection's kind."""
    return runtime.inward if row.sandbox_path is not None else PUBLIC
