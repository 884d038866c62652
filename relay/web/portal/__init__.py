"""/portal/<link>: what a subscriber sees of a hook, without an account."""

from pathlib import Path

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from relay.core.errors import Conflict, NotFound, RelayError
from relay.core.ids import number, public
from relay.pipeline import explain, portal, redeliver, subscribe
from relay.pipeline.portal import Pass
from relay.pipeline.subscribe import scheme_of
from relay.runtime import Runtime
from relay.storage import hook_health
from relay.storage.reads import deliveries
from relay.storage.reads.page import Cut
from relay.web.errors import status_of
from relay.web.security import csrf

_SNIPPETS = Path(__file__).parent / "snippets"
SNIPPETS = {
    "Python": (_SNIPPETS / "python.txt").read_text("utf-8"),
    "JavaScript (Node)": (_SNIPPETS / "node.txt").read_text("utf-8"),
}
_SIZE = 25


def blueprint(runtime: Runtime) -> Blueprint:
    """The routes."""
    pages = Blueprint("portal", __name__, template_folder="templates", url_prefix="/portal")

    @pages.before_request
    def _protect() -> None:
        if request.method != "GET":
            csrf.protect()

    @pages.errorhandler(RelayError)
    def _refused(error: RelayError) -> Response:
        text = render_template("portal/refused.html", text=str(error))
        return make_response(text, status_of(error)[0])

    @pages.get("/<token>")
    def overview(token: str) -> str:
        """The newest deliveries, and how the hook fares."""
        found = portal.opened(runtime, token)
        return _overview(runtime, token, found)

    @pages.get("/<token>/deliveries/<id>")
    def delivery(token: str, id: str) -> str:
        """One delivery: what was sent, and each answer."""
        found = portal.opened(runtime, token)
        story = explain.delivery(runtime, found.hook.org, _mine(runtime, found, id))
        return render_template("portal/delivery.html", token=token, hook=found.hook, story=story)

    @pages.post("/<token>/deliveries/<id>/retry")
    def retry(token: str, id: str) -> BaseResponse:
        """Sends one again, now."""
        found = portal.opened(runtime, token)
        row = _mine(runtime, found, id)
        redeliver.resend(runtime, found.hook.org, row, by=found.by, force=True)
        return redirect(url_for("portal.delivery", token=token, id=id))

    @pages.post("/<token>/rotate")
    def rotate(token: str) -> str:
        """A new secret, shown this once; the old one signs for a day more."""
        found = portal.opened(runtime, token)
        ref = public("hook", found.hook.id)
        _, secret = subscribe.rotate(runtime, found.hook.org, ref, by=found.by)
        return _overview(runtime, token, found, secret=secret)

    return pages


def _overview(runtime: Runtime, token: str, found: Pass, *, secret: str | None = None) -> str:
    hook = found.hook
    with runtime.db.read() as conn:
        cut = Cut.of(request.args.get("before"), size=_SIZE)
        page = deliveries.page(conn, hook.org, deliveries.Filter(hook=hook.id), cut)
        health = hook_health.healths(conn, [hook.id]).get(hook.id)
    return render_template(
        "portal/overview.html",
        token=token,
        hook=hook,
        scheme=scheme_of(hook),
        health=health,
        page=page,
        secret=secret,
        expires_at=found.expires_at,
        snippets=SNIPPETS,
    )


def _mine(runtime: Runtime, found: Pass, id: str) -> int:
    """Raises NotFound for a delivery of another hook."""
    row = number("dlv", id)
    with runtime.db.read() as conn:
        detail = deliveries.detail(conn, found.hook.org, row)
    if detail.row.target != public("hook", found.hook.id):
        raise NotFound(f"there is no delivery {id} here")
    if detail.row.state == "captured" and request.method == "POST":
        raise Conflict("it is kept back: a test organization reaches allowed addresses only")
    return row
