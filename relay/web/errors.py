"""Our errors as answers: one table of statuses, JSON for programs and pages for people."""

import secrets

import structlog
from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException

from relay.core import errors
from relay.web.auth import REALM
from relay.web.throttle import TooMany
from relay.web.v2.answers import of_status, problem

log = structlog.get_logger()

# The first that fits, so the narrow ones come first.
_STATUSES: tuple[tuple[type[errors.RelayError], int, str], ...] = (
    (errors.InvalidInput, 422, "invalid_input"),
    (errors.NotFound, 404, "not_found"),
    (errors.Conflict, 409, "conflict"),
    (errors.NotAllowed, 403, "not_allowed"),
    (errors.BadSignature, 401, "unauthorized"),
    (TooMany, 429, "too_many_requests"),
    (errors.Unavailable, 503, "unavailable"),
    (errors.RemoteError, 502, "remote_error"),
)
_HTTP_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_OURS = "Something went wrong on our side. Nothing you sent was lost by it; try again."


def install(app: Flask) -> None:
    """Answers every error; blueprints with words of their own register handlers of their own."""
    app.register_error_handler(errors.RelayError, _relay_error)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def status_of(error: errors.RelayError) -> tuple[int, str]:
    """The HTTP status and the word in `error.code`."""
    for kind, status, code in _STATUSES:
        if isinstance(error, kind):
            return status, code
    return 500, "internal"


def _relay_error(error: errors.RelayError) -> Response:
    status, code = status_of(error)
    fields = error.fields if isinstance(error, errors.InvalidInput) else None
    return answer(status, code, str(error), fields)


def _stale_form(error: CSRFError) -> Response:
    del error
    text = "This form was no longer valid, so nothing was changed. Go back, reload, and send again."
    return answer(400, "stale_form", text)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:  # noqa: PLR2004 - a redirect is raised as an exception too
        return make_response(error.get_response())
    text = error.description or error.name
    response = answer(status, _HTTP_CODES.get(status, "http_error"), text)
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.exception("request_failed", reference=reference, path=request.path, exc_info=error)
    return answer(500, "internal", f"{_OURS} Reference {reference}.")


def answer(
    status: int, code: str, text: str, fields: dict[str, list[str]] | None = None
) -> Response:
    """The error as a page where a browser asked the dashboard, else as JSON."""
    if request.path == "/v2" or request.path.startswith("/v2/"):
        return problem(of_status(status, text))
    response = _page(status, text) if _wants_page() else _document(code, text, fields)
    response.status_code = status
    if status == 401:  # noqa: PLR2004 - unauthorized
        response.headers["WWW-Authenticate"] = REALM
    return response


def _document(code: str, text: str, fields: dict[str, list[str]] | None) -> Response:
    error: dict[str, object] = {"code": code, "message": text}
    if fields:
        error["fields"] = fields
    return jsonify({"error": error, "message": text})


def _page(status: int, text: str) -> Response:
    shell = "dashboard/error.html" if g.get("person") else "dashboard/error_outside.html"
    return make_response(render_template(shell, status=status, text=text))


def _wants_page() -> bool:
    if request.path.startswith(("/api/", "/in/")):
        return False
    return request.accept_mimetypes.best_match(("text/html", "application/json")) == "text/html"
