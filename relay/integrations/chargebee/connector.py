"""Reads from Chargebee: asks back whether an event is its own, and who a customer is.

apidocs.chargebee.com: the key is the user name of basic authentication; a site has its own host.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from relay.core.errors import InvalidInput
from relay.core.facts import a_list, a_map, a_text
from relay.http import Http
from relay.integration import Connection, Connector, Lookup
from relay.lookup import Api, Reader, secret_of

HOST = "https://chargebee.com"
_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


async def connect(connection: Connection, http: Http) -> Api:
    """The site's API. Raises AuthError where there is no key."""
    key = await secret_of(connection, "api_key", "make a read-only key at Chargebee")
    return Api(http=http, base_url=_address(connection), title="Chargebee", auth=(key, ""))


def check(settings: Mapping[str, object]) -> None:
    """Raises InvalidInput where the site is no name: it becomes a part of the address."""
    if not _SITE.fullmatch(a_text(settings.get("site")) or ""):
        raise InvalidInput("site: the name before .chargebee.com", {"site": ["is no site's name"]})


def _address(connection: Connection) -> str:
    """Each site has a host of its own."""
    if connection.base_url != HOST:
        return connection.base_url
    check(connection.settings)
    return f"https://{a_text(connection.settings.get('site'))}.chargebee.com"


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Reads the site's newest event."""
    del now
    api = await connect(connection, http)
    newest = a_list(a_map(await api.get("/api/v2/events", {"limit": "1"})).get("list"))
    event = a_map(a_map(newest[0]).get("event")) if newest else {}
    return f"Chargebee, newest event {a_text(event.get('id')) or 'none yet'}"


def lookup(connection: Connection, http: Http, now: datetime) -> Lookup:
    del now
    return Reader(lambda: connect(connection, http))


CONNECTOR = Connector(
    test=test,
    lookup=lookup,
    secrets=("api_key",),
    settings={"site": "the site's name, which stands before .chargebee.com"},
    hosts={"chargebee": HOST},
    check=check,
)
