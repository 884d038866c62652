"""A CRM elsewhere, ready to be called: whose key, under which policy, with which definitions."""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from relay.core.errors import BlockedTarget
from relay.crm.remote import Client, Definitions, RemoteCRM
from relay.http import Http
from relay.pipeline.notices import reachable
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import watch
from relay.storage.connections import ConnectionRow, credentials_of
from relay.storage.tables.runs import bookings

LARGEST = 16 * 1024 * 1024  # bytes of an answer: 200 items may be long


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One conversation with an organization's CRM; `http` keeps its exchanges."""

    http: Http
    client: Client
    definitions: Definitions
    crm: RemoteCRM


async def line_to(runtime: Runtime, setup: Setup, row: ConnectionRow) -> Line:
    """Raises BlockedTarget for an address that this organization must not reach."""
    if not reachable(setup, runtime.outward, row.base_url):
        raise BlockedTarget(
            "blocked target: a test organization reaches the networks of RELAY_EGRESS_ALLOW alone"
        )
    version = setup.organization.config_version

    known = runtime.remotes

    def read() -> dict[str, str]:
        with runtime.db.read() as conn:
            _recall(conn, known.definitions(row.id), row.id)
            return credentials_of(conn, runtime.vault, row.id)

    if known.has_secrets(row.id, version):
        secrets = known.secrets(row.id, version, read)
    else:
        secrets = await asyncio.to_thread(known.secrets, row.id, version, read)
    http = Http(runtime.http, policy=runtime.outward, limit=LARGEST)
    client = Client(http=http, base_url=row.base_url, key=secrets["key"], secret=secrets["secret"])
    definitions = known.definitions(row.id)

    async def item_of_number(org: int, number: str) -> str | None:
        return await asyncio.to_thread(_booked_for, runtime, org, number)

    async def list_of_item(item: str) -> str | None:
        return await asyncio.to_thread(_seen_on, runtime, row.id, item)

    crm = RemoteCRM(
        client=client,
        definitions=definitions,
        item_of_number=item_of_number,
        list_of_item=list_of_item,
    )
    return Line(http=http, client=client, definitions=definitions, crm=crm)


def definitions_of(conn: Connection, connection: int) -> Definitions | None:
    """Its lists and fields as the watch read them; None where it has not yet."""
    found = Definitions()
    _recall(conn, found, connection)
    return found if found.are_read else None


def _recall(conn: Connection, definitions: Definitions, connection: int) -> None:
    """What the watch read last, so that a process need not read it itself."""
    found = watch.watch_of(conn, connection)
    if found is not None and found.lists is not None and not definitions.are_read:
        definitions.adopt(found.lists, found.account_fields)


def _booked_for(runtime: Runtime, org: int, number: str) -> str | None:
    query = select(bookings.c.item_id).where(bookings.c.org_id == org, bookings.c.number == number)
    with runtime.db.read() as conn:
        found: Any = conn.execute(query).scalars().first()
    return None if found is None else str(found)


def _seen_on(runtime: Runtime, connection: int, item: str) -> str | None:
    with runtime.db.read() as conn:
        found = watch.read_shadows(conn, connection, [item]).get(item)
    return None if found is None else found.list_id
