"""An organization whose CRM is elsewhere: a stand-in over a socket, or a second Relay's `/v2`."""

from collections.abc import Iterator
from contextlib import contextmanager

from relay.storage import connections
from tests.scenarios.house import House
from tests.standin import crm as stand_in_crm
from tests.standin.crm import StandIn
from tests.standin.server import stand_in

NAME = "their crm"


def connect(house: House, url: str, key: str, secret: str, **settings: object) -> int:
    """Makes the CRM at `url` the organization's; the connection's number."""
    with house.runtime.db.write() as conn:
        return connections.create_connection(
            conn,
            house.runtime.vault,
            house.made.org,
            provider="salesforceiq",
            name=NAME,
            base_url=url,
            credentials={"key": key, "secret": secret},
            settings=settings,
            sandbox=False,
            at=house.runtime.clock.now(),
        )


@contextmanager
def with_stand_in(house: House) -> Iterator[StandIn]:
    """A stand-in that is the organization's CRM."""
    with stand_in() as (crm, url):
        connect(house, url, stand_in_crm.KEY, stand_in_crm.SECRET)
        yield crm
