"""What stands around items of a CRM elsewhere: accounts, contacts and users, read for those whose
records a rule asks for."""

from collections.abc import Mapping, Sequence

from relay.core.errors import NotFound
from relay.crm.remote.client import Wire
from relay.crm.remote.reading import owners_in, user_of
from relay.pipeline import sightings
from relay.pipeline.calling import Line
from relay.pipeline.sightings import Sighting, Watched


async def read(
    line: Line, watched: Watched, seen: Sequence[Sighting], before: Mapping[str, Wire]
) -> None:
    """Reads what the records of these items need, where a rule asks for them."""
    lists = watched.definitions.by_id
    chosen: list[Wire] = []
    users: set[str] = set()
    for one in seen:
        was = before.get(one.id, one.before)
        slugs = sightings.would_tell(watched, one, was)
        if slugs:
            users |= owners_in(lists[one.list_id].fields, [one.item, was or {}])
        if any(watched.wanted(lists[one.list_id].title, slug) for slug in slugs):
            chosen.append(one.item)
    await _read(line, watched, chosen, users)


async def read_all(line: Line, watched: Watched, list_id: str, items: Sequence[Wire]) -> None:
    """Reads what the records of all these items of a list need."""
    users = owners_in(watched.definitions.by_id[list_id].fields, items)
    await _read(line, watched, items, users)


async def _read(line: Line, watched: Watched, items: Sequence[Wire], users: set[str]) -> None:
    accounts, people = sightings.refs(items)
    for found in await line.client.accounts(accounts):
        watched.around.accounts[str(found.get("id"))] = found
    for found in await line.client.contacts(people):
        asked = found.get("requestedIds")
        for id in (found.get("id"), *(asked if isinstance(asked, list) else ())):
            watched.around.contacts[str(id)] = found
    await _read_users(line, users)


async def _read_users(line: Line, ids: set[str]) -> None:
    for id in sorted(ids - line.definitions.users.keys()):
        try:
            line.definitions.users[id] = user_of(await line.client.user(id))
        except NotFound:
            line.definitions.users[id] = None
