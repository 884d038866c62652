"""createBatch and updateBatch: several objects in one request, each answered for itself.

Never documented; the shapes are those that the vendor's Python SDK sends and reads
(https://github.com/albertoconnor/apisdk, relateiq/riq_base.py).
"""

from collections.abc import Callable, Mapping

from flask import Response, request

from relay.core.access import Caller
from relay.core.errors import RelayError
from relay.crm.embedded.desk import Desk
from relay.web.v2.answers import answer, problem_of
from relay.web.v2.requests import an_object, asked, needed, objects, text_of
from relay.web.v2.site import Site

MOST = 50

Sent = Mapping[str, object]
Document = dict[str, object]
One = Callable[[Desk, Sent], Document]


def carried_out(site: Site, caller: Caller, one: One, *, key: str = "id") -> Response:
    """Does the work for each object, in one transaction; one that is refused spoils no other.

    In order of `key`, so that two batches with the same objects wait for each other instead of
    dying; the answer keeps the order sent.
    """
    asked(request)
    given = objects(request, MOST)
    order = sorted(range(len(given)), key=lambda number: _key(given[number], key))

    def work(desk: Desk) -> dict[int, Document | RelayError]:
        return {number: _done(desk, one, given[number]) for number in order}

    done = site.write(caller.org, work)
    made: list[Document] = []
    refused: list[Document] = []
    for number, sent in enumerate(given):
        result = done[number]
        if isinstance(result, RelayError):
            refused.append({"object": sent, **problem_of(result)})
        else:
            made.append(result)
    return answer({"successObjects": made, "errorObjects": refused})


def id_of(sent: Sent) -> str:
    """The object of an update. Raises InvalidInput."""
    return needed(text_of(sent, "id"), "id")


def _done(desk: Desk, one: One, sent: object) -> Document | RelayError:
    touched = len(desk.touched)
    try:
        return one(desk, an_object(sent))
    except RelayError as error:
        # What is refused is refused before anything is stored.
        del desk.touched[touched:]
        return error


def _key(sent: object, key: str) -> str:
    value = sent.get(key) if isinstance(sent, Mapping) else None
    return value.strip().lower() if isinstance(value, str) else ""
