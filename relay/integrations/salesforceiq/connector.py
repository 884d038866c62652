"""Asks a CRM elsewhere who it is. Its steps are the `crm.*` verbs, carried out through
`relay.crm.remote`; it has none of its own."""

from collections.abc import Mapping
from datetime import datetime

from relay.core import options
from relay.core.errors import InvalidInput
from relay.core.facts import a_list, a_map, a_text
from relay.http import Http, error_for
from relay.integration import Call, Connection, Connector, Output

SETTINGS: Mapping[str, str] = {
    "poll_seconds": "seconds between two looks at what changed there (15)",
    "daily_quota": "requests a day that the key may make (100000)",
    "watch_share": "percent of them that the watch may take (40)",
    "full_pass_hours": "hours between two passes over every item (6)",
}
_SHOWN = 5


_MOST = {"watch_share": 100}
_LARGEST = 100_000_000


def check(settings: Mapping[str, object]) -> None:
    """All of them are whole numbers. Raises InvalidInput."""
    for name in SETTINGS.keys() & settings.keys():
        given = options.text(settings, name)
        most = _MOST.get(name, _LARGEST)
        if not (given.isascii() and given.isdigit() and 0 < int(given) <= most):
            wrong = f"a whole number from 1 to {most}"
            raise InvalidInput(f"{name} is {wrong}, not {given!r}", {name: [f"must be {wrong}"]})


async def perform(call: Call) -> Output:
    """Nothing is booked in a CRM."""
    raise InvalidInput(f"SalesforceIQ has no verb {call.verb!r}: use crm.{call.verb}")


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """The lists that the key sees."""
    del now
    secrets = await connection.credentials.read()
    response = await http.request(
        "GET",
        f"{connection.base_url}/lists",
        params={"_limit": "200"},
        auth=(secrets["key"], secrets["secret"]),
        purpose="CRM: test",
    )
    if not response.is_success:
        raise error_for(response, "CRM, GET /lists")
    try:
        found = a_list(a_map(response.json()).get("objects"))
    except ValueError as error:
        raise InvalidInput("what answers there is no SalesforceIQ v2: it sent no JSON") from error
    titles = [a_text(a_map(one).get("title")) or "?" for one in found]
    more = f" and {len(titles) - _SHOWN} more" if len(titles) > _SHOWN else ""
    return f"{len(titles)} lists: {', '.join(titles[:_SHOWN])}{more}" if titles else "no lists"


CONNECTOR = Connector(
    verbs={},
    perform=perform,
    test=test,
    settings=SETTINGS,
    secrets=("key", "secret"),
    check=check,
    anywhere=True,
)
