"""How the sandbox says no: QuickBooks' own codes and shapes.

developer.intuit.com, "Handling common errors"; the lower-case fault of the gateway (3100, 3200) is
left in the common shape.
"""

from collections.abc import Mapping
from datetime import datetime

from relay.core import exact_json
from relay.integration import Answer, SandboxRequest

THROTTLE_XML = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    b'<IntuitResponse xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE">'
    b'<Error code="3001"><Message>message=ThrottleExceeded; errorCode=003001; statusCode=429'
    b"</Message></Error></Fault></IntuitResponse>"
)


class Refusal(Exception):
    """One refused request."""

    def __init__(
        self, code: str, message: str, detail: str = "", *, element: str = "", status: int = 400
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail or message
        self.element = element
        self.status = status

    @property
    def kind(self) -> str:
        if self.status in (401, 403):
            return "AuthenticationFault"
        return "SystemFault" if self.status >= 500 else "ValidationFault"  # noqa: PLR2004 - HTTP


def refused(refusal: Refusal, now: datetime) -> Answer:
    """The fault as JSON."""
    error = {
        "Message": refusal.message,
        "Detail": refusal.detail,
        "code": refusal.code,
        "element": refusal.element,
    }
    fault = {"Error": [error], "type": refusal.kind}
    return answer({"Fault": fault}, now, status=refusal.status)


def answer(document: Mapping[str, object], now: datetime, *, status: int = 200) -> Answer:
    """A JSON answer with its time."""
    body = exact_json.dumps({**document, "time": now.isoformat(timespec="milliseconds")})
    return Answer(
        status=status,
        body=body.encode(),
        headers={"content-type": "application/json;charset=UTF-8"},
    )


def missing(element: str) -> Refusal:
    return Refusal(
        "2020",
        "Required param missing, need to supply the required value for the API",
        f"Required parameter {element} is missing in the request",
        element=element,
    )


def unsupported(name: str) -> Refusal:
    return Refusal(
        "2010",
        "Request has invalid or unsupported property",
        f"Property Name:{name} specified is unsupported or invalid",
        element=name,
    )


def unknown_reference(element: str) -> Refusal:
    return Refusal(
        "2500", "Invalid Reference Id", f"Invalid Reference Id : {element} not found",
        element=element,
    )  # fmt: skip


def too_long(name: str, longest: int) -> Refusal:
    return Refusal(
        "2050",
        "String length is either shorter or longer than supported by specification",
        f"{name}: Max length: {longest}",
        element=name,
    )


def not_found(entity: str, id: str) -> Refusal:
    return Refusal(
        "610", "Object Not Found", f"Object Not Found : {entity} {id} was not found or is inactive"
    )


def body_of(request: SandboxRequest) -> Mapping[str, object]:
    """What was posted: a JSON object."""
    try:
        body = exact_json.loads(request.body.decode())
    except UnicodeDecodeError as error:
        raise Refusal("500", "Unsupported Operation", str(error), status=500) from error
    except ValueError as error:
        raise unsupported("the body") from error
    if not isinstance(body, Mapping):
        raise unsupported("the body")
    return body
