"""Reads from HubSpot the object that a webhook only names.

developers.hubspot.com, "Private apps", "CRM API": the app's access token is the bearer token.
"""

from datetime import datetime

from relay.core.facts import a_map, a_text
from relay.http import Http
from relay.integration import Connection, Connector
from relay.lookup import Bearer

API = Bearer(
    title="HubSpot",
    credential="access_token",
    advice="make a private app that may read contacts, companies and deals, and paste its token",
)


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Names the account that answers."""
    del now
    api = await API.open(connection, http)
    found = a_map(await api.get("/account-info/v3/details"))
    return f"HubSpot account {a_text(found.get('portalId')) or '?'}"


CONNECTOR = Connector(
    test=test,
    lookup=API.lookup,
    secrets=(API.credential,),
    hosts={"hubspot": "https://api.hubapi.com"},
)
