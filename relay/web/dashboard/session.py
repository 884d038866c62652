"""Signing in and out, and how a person likes the pages."""

from urllib.parse import urlsplit

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import BadSignature
from relay.web.auth import COOKIE
from relay.web.dashboard.blueprint import doorkeeper, inside, pages, runtime
from relay.web.throttle import TooMany

_YEAR = 365 * 24 * 3600
_CHOICES = {"theme": ("system", "light", "dark"), "zone": ("own", "utc"), "keys": ("on", "off")}


@pages.route("/login", methods=["GET", "POST"])
def sign_in() -> Response:
    if request.method == "GET":
        return _form("")
    email = request.form.get("email", "")
    try:
        token = doorkeeper().sign_in(email, request.form.get("password", ""))
    except (BadSignature, TooMany) as error:
        return _form(str(error), email, status=429 if isinstance(error, TooMany) else 401)
    response = redirect(inside(request.args.get("next")))
    doorkeeper().remember(response, token)  # type: ignore[arg-type]
    return response


def _form(problem: str, email: str = "", *, status: int = 200) -> Response:
    host = urlsplit(runtime().settings.base_url).netloc
    text = render_template("dashboard/login.html", problem=problem, email=email, host=host)
    return make_response(text, status)


@pages.post("/logout")
def sign_out() -> Response:
    doorkeeper().sign_out()
    response = redirect(url_for("dashboard.sign_in"))
    response.delete_cookie(COOKIE)
    return response


@pages.post("/preferences")
def preferences() -> Response:
    response = redirect(inside(request.form.get("back")))
    for name, choices in _CHOICES.items():
        chosen = request.form.get(name)
        if chosen in choices:
            response.set_cookie(name, chosen, max_age=_YEAR, samesite="Lax", httponly=True)
    return response
