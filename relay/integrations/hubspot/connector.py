"""Reads from HubSpot the object that a webhook only names.

developers.hubspot.com, "Private apps", "CRM API": the app's access token is the bearer token.
"""

from datetime import datetime

from relay.core.facts import a_map, a_text
from relay.http import Http
from relay.integration import Connection, Connector, Lookup
from relay.lookup import Api, Reader, secret_of

ADVICE = "make a private app that may read contacts, companies and deals, and paste its token"


async def connect(connection: Connection, http: Http) -> Api:
    """The account's API. Raises AuthError where there is no token."""
    token = await secret_of(connection, "access_token", ADVICE)
    return Api(
        http=http,
        base_url=connection.base_url,
        title="HubSpot",
        headers={"authorization": f"Bearer {token}"},
    )


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Names the account that answers."""
    del now
    api = await connect(connection, http)
    found = a_map(await api.get("/account-info/v3/details"))
    return f"HubSpot account {a_text(found.get('portalId')) or '?'}"


def lookup(connection: Connection, http: Http, now: datetime) -> Lookup:
    del now
    return Reader(lambda: connect(connection, http))


CONNECTOR = Connector(
    test=test,
    lookup=lookup,
    secrets=("access_token",),
    hosts={"hubspot": "https://api.hubapi.com"},
)
