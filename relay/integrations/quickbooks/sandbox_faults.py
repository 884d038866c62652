"""What the sandbox does wrong when it is asked to."""

from collections.abc import Mapping

from relay import faults
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
    "busy": "is overloaded: 503",
    "internal": "has an internal error: nobody knows what was done",
    "bad_bytes": "cannot read the body",
    "no_rights": "the person who let Relay in has lost admin rights",
    "lapsed": "the company's subscription has ended",
    "inactive": "something that the sale names is inactive",
    "unknown_item": "does not know the item",
    "bad_value": "takes offence at a value",
    "no_tax": "misses a tax code",
    "number_taken": "another document has the number",
    "no_quantity": "misses the quantity of an inventory item",
}

# Refusals that come in place of the work: code, status, words.
REFUSALS: Mapping[str, tuple[str, int, str, str]] = {
    "500": ("10000", 500, "An application error has occurred while processing your request",
            "System Failure Error"),
    "busy": ("10001", 503, "Service unavailable", "Try again later"),
    "bad_bytes": ("500", 500, "Unsupported Operation", "Operation Unknown is not supported"),
    "no_rights": ("120", 403, "Authorization Failure", "The user is no administrator any more"),
    "lapsed": ("6190", 400, "Invalid Company Status", "Subscription period has ended or canceled"),
    "inactive": ("610", 400, "Object Not Found", "Something you're trying to use has been made"
                 " inactive"),
    "unknown_item": ("2500", 400, "Invalid Reference Id", "Items element id 999 not found"),
    "bad_value": ("2010", 400, "Request has invalid or unsupported property", "Property Name"),
    "no_tax": ("6000", 400, "A business validation error has occurred while processing your"
               " request", "Make sure all your transactions have a GST/HST rate"),
    "internal": ("6000", 400, "A business validation error has occurred while processing your"
                 " request", "Unexpected Internal Error"),
    "number_taken": ("6140", 400, "Duplicate Document Number Error", "You must specify a different"
                     " number"),
    "closed_period": ("6210", 400, "Account Period Closed", "The account period has closed and the"
                      " account books cannot be updated."),
    "no_quantity": ("6520", 400, "Quantity is missing", "An inventory item needs a quantity"),
}  # fmt: skip
# What happens to the sale itself: a customer made for it says nothing about it.
OF_SALES = frozenset({"timeout_after_work", "malformed", "slow", *REFUSALS})


def due(request: SandboxRequest, books: Books) -> faults.Planned:
    """The fault that is due for this request. A lost answer and a server error are for writes, a
    dead refresh token for the token's address."""
    return faults.due(request, books, _meant)


def _meant(request: SandboxRequest, planned: Mapping[str, object]) -> bool:
    fault = planned.get("fault")
    if fault == "invalid_grant":
        return request.path == TOKENS
    if fault in ("duplicate_name", "stale"):
        return request.method == "POST" and request.path.endswith("/customer")
    writes = request.method == "POST" and request.path != TOKENS
    if fault in OF_SALES:
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
