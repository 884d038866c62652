"""The items of a list of a CRM elsewhere as the watch saw them last, with what stands around them:
for rules that are tried on every item, by the clock or because a person asks."""

import asyncio
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from relay.crm.remote.client import Wire
from relay.pipeline import around, sightings
from relay.pipeline.calling import Line, line_to
from relay.pipeline.planned import PAGE, Subject
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import watch
from relay.storage.connections import ConnectionRow


def page_after(conn: Connection, row: ConnectionRow, list_id: str, id: str) -> list[Wire]:
    """A page of the list, in the order of ids; a page that is not full is the last one."""
    return [one.item for one in watch.shadows_after(conn, row.id, list_id, id, PAGE)]


async def subjects(
    line: Line, setup: Setup, row: ConnectionRow, list_id: str, page: Sequence[Wire]
) -> list[Subject]:
    """The items as rules see them; their accounts, contacts and users are asked for."""
    watched = sightings.watched(setup, row, line.definitions)
    await around.read_all(line, watched, list_id, page)
    return [
        Subject(
            id=str(one["id"]),
            name=str(one.get("name") or ""),
            record=sightings.record_of(watched, list_id, one),
        )
        for one in page
    ]


def pages(
    runtime: Runtime, setup: Setup, row: ConnectionRow, list_id: str
) -> Iterator[list[Subject]]:
    """The whole list, for somebody who waits for it. No transaction is open meanwhile."""
    id = ""
    while True:
        with runtime.db.read() as conn:
            page = page_after(conn, row, list_id, id)
        yield asyncio.run(_read(runtime, setup, row, list_id, page))
        if len(page) < PAGE:
            return
        id = str(page[-1]["id"])


async def _read(
    runtime: Runtime, setup: Setup, row: ConnectionRow, list_id: str, page: Sequence[Wire]
) -> list[Subject]:
    try:
        return await subjects(await line_to(runtime, setup, row), setup, row, list_id, page)
    finally:
        # The loop ends with this call, and its connections with it.
        await runtime.http.aclose()
