"""The routes: with and without a trailing slash, never redirected, errors as the error object."""

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, Response

from relay.core.access import Caller
from relay.core.errors import NotFound, RelayError
from relay.web.v2 import accounts, contacts, events, items, lists, users
from relay.web.v2.answers import refused
from relay.web.v2.site import Authenticate, Site

_READS = ("GET", "HEAD")
_ALL = ("GET", "POST", "PUT", "PATCH", "DELETE")
_ITEMS = "/lists/<list_id>/listitems"

ROUTES: tuple[tuple[str, str, Callable[..., Response]], ...] = (
    ("GET", "/accounts", accounts.page),
    ("POST", "/accounts", accounts.create),
    ("GET", "/accounts/fields", accounts.fields),
    ("GET", "/accounts/<id>", accounts.one),
    ("PUT", "/accounts/<id>", accounts.change),
    ("DELETE", "/accounts/<id>", accounts.remove),
    ("GET", "/contacts", contacts.page),
    ("POST", "/contacts", contacts.create),
    ("GET", "/contacts/<id>", contacts.one),
    ("PUT", "/contacts/<id>", contacts.change),
    ("DELETE", "/contacts/<id>", contacts.remove),
    ("GET", "/lists", lists.page),
    ("GET", "/lists/<list_id>", lists.one),
    ("GET", _ITEMS, items.page),
    ("POST", _ITEMS, items.create),
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
        blueprint.add_url_rule(
            path,
            endpoint=f"{view.__module__.rsplit('.', 1)[-1]}_{view.__name__}",
            view_func=_guarded(view, site, authenticate, method),
            methods=[method],
            strict_slashes=False,
        )
    # What the API lacks is answered with its error object too, once the key is known.
    nothing = _guarded(_nothing, site, authenticate, "GET")
    blueprint.add_url_rule("/<path:rest>", "nothing", nothing, methods=list(_ALL))
    blueprint.register_error_handler(RelayError, refused)
    return blueprint


def _guarded(
    view: Callable[..., Response], site: Site, authenticate: Authenticate, method: str
) -> Callable[..., Response]:
    scope = "crm:read" if method in _READS else "crm:write"

    @wraps(view)
    def guarded(**path: str) -> Response:
        caller = authenticate()
        caller.need(scope)
        return view(site, caller, **path)

    return guarded


def _nothing(site: Site, caller: Caller, rest: str) -> Response:
    del site, caller
    raise NotFound(f"there is nothing at /v2/{rest}")
