"""Who may sign in, and how many keys there may be: changed by an admin on the settings page."""

from collections.abc import Callable

from flask import redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core import ids
from relay.core.access import ROLES
from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.people import email as address
from relay.pipeline import troubles
from relay.storage import identity, members
from relay.storage.reads import settings as stored
from relay.web.dashboard.blueprint import me, pages, refuse, runtime
from relay.web.dashboard.settings import settings_page

_PASSWORD_BYTES = 12


@pages.post("/settings/people")
def create_user() -> Response | str:
    """Somebody new; the password that we make is shown once."""
    me().need("admin")
    email, password = address(request.form.get("email")), ids.token(_PASSWORD_BYTES)
    role, name = request.form.get("role", "viewer"), request.form.get("name", "").strip()
    try:
        if email is None or not name:
            raise InvalidInput("Somebody new needs a name and an email address")
        _check_rank(role)
        with runtime().db.write() as conn:
            now = runtime().clock.now()
            identity.create_user(
                conn, me().org, email=email, name=name, role=role, password=password, at=now
            )
            identity.audit(conn, me().org, me().email, "user created", email, after=role, at=now)
    except (InvalidInput, Conflict) as error:
        return refuse(settings_page(trouble=str(error)), error)
    return render_template("dashboard/password.html", name=name, email=email, password=password)


@pages.post("/settings/people/<id>/role")
def change_role(id: str) -> Response | str:
    role = request.form.get("role", "")

    def work(conn: Connection) -> None:
        known = {one.id: one for one in stored.people(conn, me().org)}
        if id not in known:
            raise NotFound(f"there is no user {id!r} here")
        _check_rank(known[id].role)
        _check_rank(role)
        members.change_role(conn, me().org, id, role, by=me().email, at=runtime().clock.now())

    return _changed(work)


@pages.post("/settings/key-limit")
def change_key_limit() -> Response | str:
    """K1: five keys, unless an admin raises the limit."""
    given = request.form.get("limit", "")

    def work(conn: Connection) -> None:
        if not (given.isascii() and given.isdigit()):
            raise InvalidInput(f"the limit of keys is a number, not {given!r}")
        members.change_organization(
            conn, me().org, by=me().email, at=runtime().clock.now(), key_limit=int(given[:9])
        )

    return _changed(work)


@pages.post("/settings/quiet-hours")
def change_quiet_hours() -> Response | str:
    """When nobody is told of anything; empty: never."""
    given = request.form.get("hours", "")

    def work(conn: Connection) -> None:
        members.change_organization(
            conn, me().org, by=me().email, at=runtime().clock.now(), quiet_hours=given
        )

    return _changed(work)


@pages.post("/settings/notices/test")
def try_notice() -> Response | str:
    """A notice that tells of nothing, to see whether it arrives."""
    me().need("admin")
    try:
        troubles.try_out(runtime(), me().org, request.form.get("recipient", ""), by=me().email)
    except (InvalidInput, NotFound) as refused:
        return refuse(settings_page(trouble=str(refused)), refused)
    return redirect(url_for("dashboard.settings", _anchor="notices"), 303)


def _changed(work: Callable[[Connection], None]) -> Response | str:
    me().need("admin")
    try:
        with runtime().db.write() as conn:
            work(conn)
    except (InvalidInput, Conflict) as error:
        return refuse(settings_page(trouble=str(error)), error)
    return redirect(url_for("dashboard.settings"), 303)


def _check_rank(role: str) -> None:
    """Nobody gives a role above their own, or takes one from somebody above them."""
    if role in ROLES and ROLES.index(role) > ROLES.index(me().role):
        raise InvalidInput(f"the role {role} is above yours")
