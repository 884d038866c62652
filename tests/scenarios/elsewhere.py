"""An organization whose CRM is elsewhere: a stand-in over a socket, or a second Relay's `/v2`."""

from collections.abc import Iterator
from contextlib import contextmanager

from relay.pipeline import connect
from relay.storage.connections import ConnectionRow
from tests.scenarios.house import House
from tests.standin import crm as stand_in_crm
from tests.standin.crm import StandIn
from tests.standin.server import stand_in

NAME = "their crm"


def connect_crm(house: House, url: str, key: str, secret: str, **settings: object) -> ConnectionRow:
    """Makes the CRM at `url` the organization's."""
    new = connect.NewConnection(
        provider="salesforceiq",
        name=NAME,
        url=url,
        secrets={"key": key, "secret": secret},
        settings=settings,
    )
    return connect.add(house.runtime, house.made.org, new, by="test")


@contextmanager
def with_stand_in(house: House) -> Iterator[StandIn]:
    """A stand-in that is the organization's CRM."""
    with stand_in() as (crm, url):
        connect_crm(house, url, stand_in_crm.KEY, stand_in_crm.SECRET)
        yield crm
