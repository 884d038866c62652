"""/lists"""

from flask import Response, request

from relay.core.access import Caller
from relay.crm.embedded import pages
from relay.crm.embedded.schema import schema
from relay.web.v2 import wire
from relay.web.v2.answers import answer
from relay.web.v2.requests import asked, collection
from relay.web.v2.site import Site, list_of, may_see


def page(site: Site, caller: Caller) -> Response:
    """The lists that the key may see, in order of creation; with ids in the order asked for."""
    wanted = collection(request).page(by_date=False)
    with site.db.read() as conn:
        known = schema(conn, caller.org)
    mine = {one.id: one for one in known.lists if may_see(caller, one)}
    ids = list(mine) if wanted.ids is None else list(dict.fromkeys(wanted.ids))
    chosen = [mine[id] for id in ids if id in mine][wanted.start : wanted.start + wanted.limit]
    return answer(wire.envelope(map(wire.a_list, chosen), wanted.start, wanted.limit))


def one(site: Site, caller: Caller, list_id: str) -> Response:
    query = asked(request)
    with site.db.read() as conn:
        found = list_of(schema(conn, caller.org), caller, list_id)
        size = 0
        # The vendor's Python SDK writes `True`.
        if (query.text("includeSize") or "").lower() == "true":
            size = pages.count_items(conn, caller.org, list_id)
    return answer(wire.a_list(found, size))


def fields(site: Site, caller: Caller, list_id: str) -> Response:
    """The fields alone, paged; undocumented, read by the vendor's Python SDK."""
    wanted = collection(request).page(by_date=False)
    with site.db.read() as conn:
        known = list_of(schema(conn, caller.org), caller, list_id).fields
    ids = list(known.by_id) if wanted.ids is None else list(dict.fromkeys(wanted.ids))
    chosen = [known.by_id[id] for id in ids if id in known.by_id]
    shown = chosen[wanted.start : wanted.start + wanted.limit]
    objects = [wire.listed_field(one, list_id) for one in shown]
    return answer(wire.envelope(objects, wanted.start, wanted.limit))
