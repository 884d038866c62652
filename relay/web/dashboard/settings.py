"""Settings: API keys, people, and who did what."""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from relay.core.access import ROLES, SCOPES
from relay.core.errors import Conflict, InvalidInput
from relay.pipeline import arrange
from relay.pipeline.crm_lists import all_lists
from relay.storage import identity, troubles
from relay.storage.reads import settings as stored
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read, refuse, runtime

_SCOPE_WORDS = {
    "crm:read": "Read records",
    "crm:write": "Write records",
    "sources": "Set up inbound URLs",
    "connections": "Set up connections",
    "rules": "Read and apply rules",
    "events:read": "Read events, runs and bookings",
    "events:replay": "Replay events and runs",
    "hooks": "Subscribe to triggers",
    "syncs": "Set up syncs",
    "admin": "Everything, people and keys included",
}
_MAILS = 10
_USUAL = ("crm:read", "crm:write")


@pages.get("/settings")
def settings() -> str:
    return settings_page()


@pages.post("/settings/keys")
def create_key() -> Response | str:
    me().need("admin")
    name = request.form.get("name", "").strip()
    scopes = [scope for scope in SCOPES if scope in request.form.getlist("scope")]
    lists = request.form.getlist("list")
    try:
        if not name:
            raise InvalidInput("A key needs a name: which integration will use it?")
        if not scopes:
            raise InvalidInput("A key that may do nothing is of no use: choose what it may do")
        with runtime().db.write() as conn:
            key, secret = identity.create_key(
                conn,
                me().org,
                name=name,
                scopes=scopes,
                lists=arrange.list_ids(runtime(), conn, me().org, lists or None),
                by=me().email,
                at=runtime().clock.now(),
            )
    except (InvalidInput, Conflict) as refused:
        return refuse(settings_page(problem=str(refused), wanted=name, chosen=scopes), refused)
    return _shown_once("The key is made", key, secret)


@pages.post("/settings/keys/<key>/reset")
def reset_secret(key: str) -> str:
    me().need("admin")
    with runtime().db.write() as conn:
        secret = identity.reset_secret(conn, me().org, key, by=me().email, at=runtime().clock.now())
    return _shown_once("The secret is reset", key, secret)


@pages.post("/settings/keys/<key>/revoke")
def revoke_key(key: str) -> Response:
    me().need("admin")
    with runtime().db.write() as conn:
        identity.revoke_key(conn, me().org, key, by=me().email, at=runtime().clock.now())
    return redirect(url_for("dashboard.settings"))


@pages.get("/settings/audit")
def audit() -> str:
    cut = Cut.of(request.args.get("before"))
    return page("audit", found=read(lambda conn: stored.audit(conn, me().org, cut)))


def settings_page(
    *,
    problem: str = "",
    wanted: str = "",
    chosen: list[str] | None = None,
    trouble: str = "",
) -> str:
    """`problem` is about a new key, `trouble` about people and the limit."""
    keys, people, lists, mails, channels = read(
        lambda conn: (
            stored.keys(conn, me().org),
            stored.people(conn, me().org),
            all_lists(runtime(), conn, me().org),
            troubles.last_mails(conn, me().org, _MAILS),
            sorted(runtime().setups.of(conn, me().org).targets),
        )
    )
    return page(
        "settings",
        mails=mails,
        channels=channels,
        keys=keys,
        people=people,
        lists=lists,
        list_titles=lists.titles,
        scopes=[(scope, _SCOPE_WORDS[scope]) for scope in SCOPES],
        chosen=_USUAL if chosen is None else chosen,
        wanted=wanted,
        problem=problem,
        trouble=trouble,
        roles=ROLES,
    )


def _shown_once(title: str, key: str, secret: str) -> str:
    return render_template("dashboard/secret.html", title=title, key=key, secret=secret)
