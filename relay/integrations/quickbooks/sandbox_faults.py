"""What the sandbox does wrong when it is asked to.

A fault stands in the books' kind `faults`: `{"id", "fault", "times"?, "path"?, "seconds"?}`, where
`fault` is one of FAULTS and `path` a part of the addresses it is for.
"""

from collections.abc import Mapping

from relay.core.facts import a_text
from relay.core.ids import token
from relay.integration import Books, SandboxRequest
from relay.integrations.quickbooks import sandbox_company as company
from relay.integrations.quickbooks.sandbox_rules import body_of

TOKENS = "/oauth2/v1/tokens/bearer"

FAULTS: Mapping[str, str] = {
    "timeout_after_work": "does the work, and answers 504 as if it had not",
    "slow": "does the work, and answers late",
    "malformed": "does the work, and answers half a document",
    "500": "fails without doing anything",
    "throttle": "has no room: 429, told in XML",
    "expired_token": "does not know the access token any more",
    "invalid_grant": "does not know the refresh token any more: a person has to connect again",
    "duplicate_name": "has an employee of the customer's name",
    "stale": "somebody else changes the customer in between",
    "closed_period": "the books of that day are closed",
}


def due(request: SandboxRequest, books: Books) -> Mapping[str, object]:
    """The fault that is due for this request, used up by one. A lost answer and a server error
    are for writes, a dead refresh token for the token's address."""
    for planned in books.all("faults"):
        left = int(str(planned.get("times", 1)))
        if left > 0 and _meant(request, planned):
            books.put("faults", str(planned["id"]), {**planned, "times": left - 1})
            return planned
    return {}


def _meant(request: SandboxRequest, planned: Mapping[str, object]) -> bool:
    path, fault = a_text(planned.get("path")), planned.get("fault")
    if path is not None:
        return path in request.path
    if fault == "invalid_grant":
        return request.path == TOKENS
    if fault in ("duplicate_name", "stale"):
        return request.method == "POST" and request.path.endswith("/customer")
    writes = request.method == "POST" and request.path != TOKENS
    if fault in ("timeout_after_work", "500", "malformed", "slow", "closed_period"):
        # The sale itself: a customer made for it says nothing about it.
        return writes and not request.path.endswith("/customer")
    return request.path != TOKENS


def prepare(request: SandboxRequest, books: Books, fault: Mapping[str, object]) -> None:
    """What somebody else does in the company just before."""
    name = fault.get("fault")
    if name not in ("duplicate_name", "stale"):
        return
    body = body_of(request)
    if name == "stale":
        company.touch(books, "Customer", str(body.get("Id", "")))
    else:
        employee = {"Id": token(6), "DisplayName": str(body.get("DisplayName", ""))}
        books.put("Employee", employee["Id"], employee)
