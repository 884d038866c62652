"""Reads from Chargebee: asks back whether an event is its own, and who a customer is.

apidocs.chargebee.com: the key is the user name of basic authentication; a site has its own host.
"""

from datetime import datetime

from relay.core.facts import a_list, a_map, a_text
from relay.http import Http
from relay.integration import Connection, Connector, Lookup
from relay.lookup import Api, Reader, secret_of


async def connect(connection: Connection, http: Http) -> Api:
    """The site's API. Raises AuthError where there is no key."""
    key = await secret_of(connection, "api_key", "make a read-only key at Chargebee")
    return Api(http=http, base_url=connection.base_url, title="Chargebee", auth=(key, ""))


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
    hosts={"site": "https://YOUR-SITE.chargebee.com"},
)
