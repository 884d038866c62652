"""/users/<id> and /organizations: read-only, and there is no list of users."""

from flask import Response, request

from relay.core.access import Caller
from relay.crm.embedded import people
from relay.storage import identity
from relay.web.v2 import wire
from relay.web.v2.answers import answer
from relay.web.v2.requests import asked
from relay.web.v2.site import Site


def one(site: Site, caller: Caller, id: str) -> Response:
    asked(request)
    with site.db.read() as conn:
        return answer(wire.user(people.user(conn, caller.org, id)))


def organization(site: Site, caller: Caller) -> Response:
    asked(request)
    with site.db.read() as conn:
        mine = identity.organization(conn, caller.org)
    return answer({"id": str(mine.id), "name": mine.name})
