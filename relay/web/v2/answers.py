"""Answers of the CRM's API: compact JSON, its headers, its error object, its envelopes.

As on https://api.salesforceiq.com/ and in recorded traffic: no charset, a `Txnid` on everything,
creates and deletes answer 200.
"""

import secrets
import string
from http import HTTPStatus
from typing import TypedDict

import orjson
from flask import Response

from relay.core.errors import (
    BadSignature,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    RelayError,
    Unavailable,
)
from relay.core.exact_json import dumps
from relay.web.throttle import QuotaUsed, TooMany

_LETTERS = string.ascii_letters + string.digits
_SAFE = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Xss-Protection": "1; mode=block",
}
_STATUS: dict[type[RelayError], tuple[int, str]] = {
    BadSignature: (401, "Unauthorized"),
    NotAllowed: (403, "Forbidden"),
    NotFound: (404, "Object Not Found"),
    InvalidInput: (422, "Application error"),
    Conflict: (422, "Application error"),
    TooMany: (429, "Too Many Requests"),
    Unavailable: (503, "Service Unavailable"),
}


_KNOWN = frozenset(HTTPStatus)


class Problem(TypedDict):
    """The error object."""

    statusCode: int
    errorMessage: str
    userMessage: str


class BadRequest(InvalidInput):
    """The request's shape is wrong: not JSON, a parameter that the route does not know."""


def answer(body: object, status: int = 200) -> Response:
    """A body as the API writes it."""
    return _response(_compact(body), status)


def empty() -> Response:
    """204, which carries a Content-Type all the same."""
    return _response("", 204)


def refused(error: RelayError) -> Response:
    """An error of ours as the API answers it."""
    found = problem_of(error)
    response = problem(found)
    if isinstance(error, QuotaUsed):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def problem(body: Problem) -> Response:
    """The error object with its status."""
    status = body["statusCode"]
    response = _response(dumps(body), status)
    if status == 401:  # noqa: PLR2004 - HTTP's own numbers
        response.headers["WWW-Authenticate"] = 'Basic realm="Relay"'
    return response


def problem_of(error: RelayError) -> Problem:
    """The error object; its keys stand in this order on the wire."""
    status, user_message = _status(error)
    return Problem(statusCode=status, errorMessage=str(error), userMessage=user_message)


def of_status(status: int, text: str) -> Problem:
    """The error object of a request that came to none of our routes, or broke one."""
    word = HTTPStatus(status).phrase if status in _KNOWN else "Error"
    return Problem(statusCode=status, errorMessage=text, userMessage=word)


def _status(error: RelayError) -> tuple[int, str]:
    if isinstance(error, BadRequest):
        return 400, "Bad Request"
    for kind, found in _STATUS.items():
        if isinstance(error, kind):
            return found
    return 500, "Internal Server Error"


def _compact(body: object) -> str:
    """A page of 200 items is long: only what carries an exact number goes the slow way."""
    try:
        return orjson.dumps(body).decode()
    except TypeError:
        return dumps(body)


def _response(text: str, status: int) -> Response:
    response = Response(text, status=status, content_type="application/json")
    response.headers["Txnid"] = "".join(secrets.choice(_LETTERS) for _ in range(5))
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        response.headers.update(_SAFE)
    return response
