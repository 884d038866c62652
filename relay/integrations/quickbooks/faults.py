"""What a refusal of QuickBooks means, as one of our errors.

developer.intuit.com, "Handling common errors". The fault comes as JSON, inside a query's envelope,
in lower case from the gateway, or as XML although JSON was asked for (throttling above all).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from relay.core.errors import (
    AuthError,
    PermanentError,
    RemoteError,
    RetryableError,
    UnknownOutcome,
)
from relay.core.facts import a_list, a_map, a_text
from relay.http import Response, retry_after_of

THROTTLE_WAIT = timedelta(seconds=60)

TOKEN_REFUSED = "3200"  # noqa: S105 - an error code
DUPLICATE_NAME = "6240"
DUPLICATE_NUMBER = "6140"
BAD_QUERY = "4000"
NOT_FOUND = "610"
UNKNOWN_REFERENCE = "2500"
STALE = "5010"

_THROTTLED = "3001"
_BUSINESS = "6000"
# A person has to mend the connection: lost admin rights, no access to this company, subscription
# ended.
_CONNECTION = frozenset({"120", "3100", TOKEN_REFUSED, "6190"})

ADVICE: Mapping[str, str] = {
    "610": "it is inactive or deleted in QuickBooks",
    "2500": "it points at something QuickBooks does not know",
    "6000": "outside the US this is often a missing tax code: see the connection's tax_code",
    "6140": "another document has this number",
    "6210": "the period is closed: choose a later date, or open the period in QuickBooks",
    "6520": "an inventory item needs a quantity",
}

_CODE = re.compile(r"""\bcode\s*=\s*["'](\d{1,9})["']""")
_MESSAGE = re.compile(r"<(?:\w+:)?(?:Message|Detail)>([^<]{1,500})<")


class Refused(PermanentError):
    """QuickBooks refused for good; `code` is its own (`6240`), empty where it gave none."""

    def __init__(self, message: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(message, status=status)
        self.code = code


@dataclass(frozen=True, slots=True)
class Fault:
    """The first code, and everything said, as one line."""

    code: str
    text: str


def fault_in(response: Response, document: object) -> Fault | None:
    """The fault in an answer, whatever its shape; None where there is none."""
    fault = _fault(a_map(document)) or _fault(a_map(a_map(document).get("QueryResponse")))
    if fault:
        errors = [a_map(each) for each in a_list(_named(fault, "error"))]
        codes = [a_text(_named(each, "code")) or "" for each in errors]
        said = [a_text(_named(each, name)) for each in errors for name in ("message", "detail")]
        return Fault(_plain(codes[0] if codes else ""), _line(said))
    if document is None and (match := _CODE.search(response.text)):
        return Fault(_plain(match[1]), _line(_MESSAGE.findall(response.text)))
    return None


def error_of(response: Response, fault: Fault | None, what: str, *, writes: bool) -> RemoteError:
    """The meaning of a refusal; `writes` says whether the call may have changed something."""
    status, code = response.status, fault.code if fault else ""
    text = fault.text if fault else ""
    message = f"{what} answered {status}{_said(code, text)}"
    if code == _THROTTLED or status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = max(retry_after_of(response) or THROTTLE_WAIT, THROTTLE_WAIT)
        return RetryableError(message, status=status, retry_after=wait)
    if code in _CONNECTION or status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return AuthError(message, status=status)
    if _undecided(status, code, text):
        kind = UnknownOutcome if writes else RetryableError
        return kind(message, status=status, retry_after=retry_after_of(response))
    return Refused(message, status=status, code=code)


def _undecided(status: int, code: str, text: str) -> bool:
    """Whether it may or may not have been done. Bytes that QuickBooks cannot read are answered
    500, and never pass."""
    if code == _BUSINESS:
        return "unexpected internal error" in text.lower()
    if code == "500" and "unsupported operation" in text.lower():
        return False
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT


def _said(code: str, text: str) -> str:
    parts = [code and f" {code}", text and f": {text}", ADVICE.get(code) and f" ({ADVICE[code]})"]
    return "".join(part for part in parts if part)


def _fault(document: Mapping[str, object]) -> Mapping[str, object]:
    return a_map(_named(document, "fault"))


def _named(document: Mapping[str, object], name: str) -> object:
    return next((value for key, value in document.items() if key.lower() == name), None)


def _plain(code: str) -> str:
    """`003001` and `3001` are one code."""
    return code.lstrip("0")


def _line(said: list[str | None] | list[str]) -> str:
    parts = dict.fromkeys(" ".join(part.split()) for part in said if part)
    return " · ".join(parts)[:500]
