"""Reads from Stripe what its events only name: a customer's address, a thin event's object.

docs.stripe.com/api/authentication: the key is the bearer token.
"""

from datetime import datetime

from relay.core.facts import a_map, a_text
from relay.http import Http
from relay.integration import Connection, Connector, Lookup
from relay.lookup import Api, Reader, secret_of

ADVICE = "make a restricted key that may read customers, invoices, checkouts and subscriptions"


async def connect(connection: Connection, http: Http) -> Api:
    """The account's API. Raises AuthError where there is no key."""
    key = await secret_of(connection, "api_key", ADVICE)
    return Api(
        http=http,
        base_url=connection.base_url,
        title="Stripe",
        headers={"authorization": f"Bearer {key}"},
    )


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Reads one customer, which every key for this purpose may."""
    del now
    api = await connect(connection, http)
    found = a_map(await api.get("/v1/customers", {"limit": "1"}))
    return f"Stripe, reading {a_text(found.get('url')) or '/v1/customers'}"


def lookup(connection: Connection, http: Http, now: datetime) -> Lookup:
    del now
    return Reader(lambda: connect(connection, http))


CONNECTOR = Connector(
    test=test,
    lookup=lookup,
    secrets=("api_key",),
    hosts={"stripe": "https://api.stripe.com"},
)
