"""The dashboard's blueprint: who may in, and what every page is given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from sqlalchemy import Connection
from werkzeug.wrappers import Response as BaseResponse

from relay.core.access import Person
from relay.core.errors import BadSignature, RelayError
from relay.runtime import Runtime
from relay.storage import identity
from relay.storage.reads import attention
from relay.web.auth import Doorkeeper
from relay.web.errors import status_of
from relay.web.security import csrf

pages = Blueprint("dashboard", __name__, template_folder="templates")

T = TypeVar("T")
# Reached without a session.
_OPEN = frozenset({"dashboard.sign_in", "dashboard.static_file"})
_LARGEST_FORM = 2_000_000
_LARGEST_FILE = 10_000_000


def runtime() -> Runtime:
    """The application that serves this request."""
    return cast("Runtime", current_app.extensions["relay"])


def doorkeeper() -> Doorkeeper:
    return cast("Doorkeeper", current_app.extensions["doorkeeper"])


def me() -> Person:
    """Who is signed in."""
    return cast("Person", g.person)


def organization() -> identity.Organization:
    """Whose pages these are."""
    return cast("identity.Organization", g.organization)


def read(question: Callable[[Connection], T]) -> T:
    """Asks the store within one short transaction."""
    with runtime().db.read() as conn:
        return question(conn)


@contextmanager
def change(role: str, action: str, subject: str) -> Iterator[Connection]:
    """A transaction for one change by a person: needs the role, and is written to the audit log."""
    me().need(role)
    with runtime().db.write() as conn:
        yield conn
        identity.audit(conn, me().org, me().email, action, subject, at=runtime().clock.now())


@pages.before_request
def _let_in() -> BaseResponse | None:
    is_file = request.endpoint == "dashboard.bring_in"
    request.max_content_length = _LARGEST_FILE if is_file else _LARGEST_FORM
    if request.method != "GET":
        csrf.protect()
    if request.endpoint in _OPEN:
        return None
    person = doorkeeper().person()
    if person is None:
        return _to_sign_in()
    g.person = person
    g.organization, g.badges = read(
        lambda conn: (identity.organization(conn, person.org), attention.badges(conn, person.org))
    )
    return None


def _to_sign_in() -> BaseResponse:
    if request.method != "GET" or "application/json" in request.accept_mimetypes.values():
        raise BadSignature("your session has ended: sign in again")
    where = request.full_path.rstrip("?")
    return redirect(url_for("dashboard.sign_in", next=where if where != "/" else None))


def inside(target: str | None) -> str:
    """The path to go to, when it is one of ours; else the overview."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")):
        parts = urlsplit(target)
        if not parts.netloc and not parts.scheme:
            return target
    return url_for("dashboard.overview")


def page(template: str, **facts: object) -> str:
    """A whole page, or its part where a script asks with `?part=`."""
    return render_template(f"dashboard/{template}.html", **facts)


def refuse(text: str, error: RelayError) -> Response:
    """The page with the form again, and what was wrong with it."""
    return make_response(text, status_of(error)[0])
