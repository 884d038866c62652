"""Reads from Stripe what its events only name: a customer's address, a thin event's object.

docs.stripe.com/api/authentication: the key is the bearer token.
"""

from datetime import datetime

from relay.core.facts import a_map, a_text
from relay.http import Http
from relay.integration import Connection, Connector
from relay.lookup import Bearer

API = Bearer(
    title="Stripe",
    credential="api_key",
    advice="make a restricted key that may read customers, invoices, checkouts and subscriptions",
)


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Reads one customer, which every key for this purpose may."""
    del now
    api = await API.open(connection, http)
    found = a_map(await api.get("/v1/customers", {"limit": "1"}))
    return f"Stripe, reading {a_text(found.get('url')) or '/v1/customers'}"


CONNECTOR = Connector(
    test=test,
    lookup=API.lookup,
    secrets=(API.credential,),
    hosts={"stripe": "https://api.stripe.com"},
)
