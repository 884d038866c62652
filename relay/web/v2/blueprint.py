"""The routes: with and without a trailing slash, never redirected, errors as the error object."""

import re
import secrets
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

import structlog
from flask import Blueprint, Response, request
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException, RequestURITooLarge

from relay.core.access import Caller
from relay.core.errors import NotFound, RelayError, Unavailable
from relay.core.facts import has_control
from relay.web.v2 import accounts, contacts, events, items, lists, users
from relay.web.v2.answers import answer, of_status, problem, refused
from relay.web.v2.document import document
from relay.web.v2.site import Authenticate, Site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = structlog.get_logger()

# As there; clients halve the ids that they ask for.
LONGEST_URL = 8192
_READS = ("GET", "HEAD")
_ALL = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ITEMS = "/lists/<list_id>/listitems"

ROUTES: tuple[tuple[str, str, Callable[..., Response]], ...] = (
    ("GET", "/accounts", accounts.page),
    ("POST", "/accounts", accounts.create),
    ("POST", "/accounts/createBatch", accounts.create_many),
    ("PUT", "/accounts/updateBatch", accounts.change_many),
    ("GET", "/accounts/fields", accounts.fields),
    ("GET", "/accounts/<id>", accounts.one),
    ("PUT", "/accounts/<id>", accounts.change),
    ("DELETE", "/accounts/<id>", accounts.remove),
    ("GET", "/contacts", contacts.page),
    ("POST", "/contacts", contacts.create),
    ("POST", "/contacts/createBatch", contacts.create_many),
    ("PUT", "/contacts/updateBatch", contacts.change_many),
    ("GET", "/contacts/<id>", contacts.one),
    ("PUT", "/contacts/<id>", contacts.change),
    ("DELETE", "/contacts/<id>", contacts.remove),
    ("GET", "/lists", lists.page),
    ("GET", "/lists/<list_id>", lists.one),
    ("GET", "/lists/<list_id>/fields", lists.fields),
    ("GET", _ITEMS, items.page),
    ("POST", _ITEMS, items.create),
    ("POST", f"{_ITEMS}/createBatch", items.create_many),
    ("PUT", f"{_ITEMS}/updateBatch", items.change_many),
    ("GET", f"{_ITEMS}/<id>", items.one),
    ("PUT", f"{_ITEMS}/<id>", items.change),
    ("DELETE", f"{_ITEMS}/<id>", items.remove),
    ("PUT", "/events", events.post),
    ("GET", "/users/<id>", users.one),
    ("GET", "/organizations", users.organization),
)


def create_blueprint(site: Site, authenticate: Authenticate) -> Blueprint:
    """The API under `/v2`."""
    blueprint = Blueprint("v2", __name__, url_prefix="/v2")
    for method, path, view in ROUTES:
        _add(blueprint, path, _name(view), _guarded(view, site, authenticate, method), method)
    written = document({(method, path): _name(view) for method, path, view in ROUTES})
    # Public, as that of /api/v1 is: there is nothing of anybody's in it.
    _add(blueprint, "/openapi.json", "document", lambda: answer(written), "GET")
    # What the API lacks is answered with its error object too, once the key is known.
    nothing = _guarded(_nothing, site, authenticate, "GET")
    _add(blueprint, "/<path:rest>", "nothing", nothing, *_ALL)
    _add(blueprint, "/", "root", nothing, *_ALL)
    blueprint.record_once(lambda state: _merge_slashes(state.app))
    blueprint.register_error_handler(RelayError, refused)
    blueprint.register_error_handler(DBAPIError, _unavailable)
    blueprint.register_error_handler(HTTPException, _http_error)
    blueprint.register_error_handler(Exception, _unexpected)
    return blueprint


def _merge_slashes(app: Any) -> None:
    """`/v2//accounts` is `/v2/accounts`: a client whose base address ends in a slash sends it, and
    Flask alone would redirect it."""
    inner: Callable[..., Iterable[bytes]] = app.wsgi_app

    def one_slash(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/v2/") and "//" in path:
            environ = {**environ, "PATH_INFO": re.sub("/{2,}", "/", path)}
        return inner(environ, start)

    app.wsgi_app = one_slash


def _name(view: Callable[..., Response]) -> str:
    return f"{view.__module__.rsplit('.', 1)[-1]}_{view.__name__}"


def _add(
    blueprint: Blueprint, path: str, endpoint: str, view: Callable[..., Response], *methods: str
) -> None:
    # A redirect would break POST and PUT in real clients, so none is ever sent.
    blueprint.add_url_rule(
        path,
        endpoint=endpoint,
        view_func=view,
        methods=list(methods),
        strict_slashes=False,
    )


def _guarded(
    view: Callable[..., Response], site: Site, authenticate: Authenticate, method: str
) -> Callable[..., Response]:
    scope = "crm:read" if method in _READS else "crm:write"

    @wraps(view)
    def guarded(**path: str) -> Response:
        caller = authenticate()
        caller.need(scope)
        if len(request.full_path) > LONGEST_URL:
            raise RequestURITooLarge(f"the address is longer than {LONGEST_URL} bytes")
        if any(map(has_control, path.values())):
            raise NotFound("there is nothing under such an id")
        return view(site, caller, **path)

    return guarded


def _nothing(site: Site, caller: Caller, rest: str = "") -> Response:
    del site, caller
    raise NotFound(f"there is nothing at /v2/{rest}")


def _unavailable(error: DBAPIError) -> Response:
    """The store was busy or gone, or two transactions stood in each other's way."""
    if not isinstance(error, OperationalError):
        return _unexpected(error)
    log.warning("store_unavailable", reason=str(error.orig))
    return refused(Unavailable("the store cannot be used now: ask again"))


def _http_error(error: HTTPException) -> Response:
    return problem(of_status(error.code or 500, error.description or error.name))


def _unexpected(error: Exception) -> Response:
    reference = secrets.token_hex(4)
    log.exception("request_failed", reference=reference, path=request.path, exc_info=error)
    return problem(of_status(500, f"something went wrong on our side; reference {reference}"))
