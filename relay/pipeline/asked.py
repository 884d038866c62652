"""What providers say of their own books, beside the bookings that were made in them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from relay.core.errors import RelayError
from relay.integration import InBooks, Span
from relay.pipeline import connecting
from relay.runtime import Runtime
from relay.storage.connections import ConnectionRow

SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One connection's books, or why they could not be read."""

    connection: ConnectionRow
    documents: Sequence[InBooks] = ()
    problem: str | None = None


def books(runtime: Runtime, asked: Sequence[tuple[ConnectionRow, Span]]) -> list[Told]:
    """All connections side by side; those that have no books to show are left out."""
    return asyncio.run(_books(runtime, asked))


async def _books(runtime: Runtime, asked: Sequence[tuple[ConnectionRow, Span]]) -> list[Told]:
    try:
        found = await asyncio.gather(*(_one(runtime, row, span) for row, span in asked))
    finally:
        # The loop ends with this call, and its connections with it.
        await runtime.http.aclose()
    return [one for one in found if one is not None]


async def _one(runtime: Runtime, row: ConnectionRow, span: Span) -> Told | None:
    connector = runtime.integrations[row.provider].connector
    if connector is None or connector.books is None:
        return None
    http, connection = connecting.http_for(runtime, row), connecting.opened(runtime, row)
    try:
        async with asyncio.timeout(SECONDS):
            documents = await connector.books(connection, http, runtime.clock.now(), span)
    except TimeoutError:
        return Told(connection=row, problem=f"took longer than {SECONDS:.0f} s")
    except RelayError as error:
        return Told(connection=row, problem=str(error))
    return Told(connection=row, documents=documents)
