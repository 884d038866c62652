"""Faults that a sandbox is asked for: which one is due, and how late an answer comes.

They stand in the books' kind `faults`: `{"id", "fault", "times"?, "path"?, "about"?, "seconds"?}`.
`path` narrows one to addresses that contain it, `about` to requests that name something (our
number, a customer), `seconds` makes the answer late, once the work is done or refused.
"""

from collections.abc import Callable, Mapping

from relay.core.facts import a_text
from relay.integration import Books, SandboxRequest

SLOW = "slow"
SLOW_SECONDS = 5
WAIT = "x-sandbox-wait"  # the header by which a sandbox asks for a late answer

Planned = Mapping[str, object]


def writes(request: SandboxRequest, planned: Planned) -> bool:
    """What a fault without an address is for: the next write."""
    del planned
    return request.method == "POST"


def due(
    request: SandboxRequest,
    books: Books,
    usual: Callable[[SandboxRequest, Planned], bool] = writes,
) -> Planned:
    """The fault that is due for this request, used up by one; {} where there is none. `usual` says
    what it is for where no address does."""
    for planned in books.all("faults"):
        left = int(str(planned.get("times", 1)))
        if left > 0 and _fits(request, planned, usual):
            books.put("faults", str(planned["id"]), {**planned, "times": left - 1})
            return planned
    return {}


def late(planned: Planned) -> dict[str, str]:
    """The header of an answer that is to come late."""
    seconds = a_text(planned.get("seconds"))
    if seconds is None and planned.get("fault") == SLOW:
        seconds = str(SLOW_SECONDS)
    return {WAIT: seconds} if seconds else {}


def _fits(
    request: SandboxRequest, planned: Planned, usual: Callable[[SandboxRequest, Planned], bool]
) -> bool:
    path, about = a_text(planned.get("path")), a_text(planned.get("about"))
    if about is not None and about.encode() not in request.body:
        return False
    return path in request.path if path is not None else usual(request, planned)
