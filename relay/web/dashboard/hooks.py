"""Hooks: who is told of what, how each of them fares, and what can be done about it."""

from datetime import timedelta

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import Conflict, InvalidInput
from relay.core.hook import Hook
from relay.core.ids import number, public
from relay.pipeline import explain, portal, redeliver, subscribe, trial
from relay.pipeline.berths import EACH
from relay.pipeline.catalogue import types_of
from relay.pipeline.crm_lists import all_lists
from relay.storage import hook_health
from relay.storage import hooks as stored
from relay.storage.reads import deliveries
from relay.storage.reads import hooks as counted
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read, refuse, runtime
from relay.web.portal import SNIPPETS

_DAY = timedelta(hours=24)
_SIZE = 25


@pages.get("/hooks")
def hooks() -> str:
    return _hooks()


@pages.post("/hooks")
def create_hook() -> Response | str:
    """A new hook; what verifies its messages is shown this once."""
    me().need("admin")
    names = ("url", "event", "list", "if", "at_once")
    form = {name: request.form.get(name, "").strip() for name in names}
    try:
        wanted = subscribe.NewHook(
            url=form["url"],
            event=form["event"],
            list_id=form["list"] or None,
            condition=form["if"] or None,
            format=request.form.get("format", "flat"),
            ordering="key" if request.form.get("ordered") else "none",
            max_in_flight=_number(form["at_once"]),
        )
        made = subscribe.subscribe(runtime(), me().org, wanted, by=me().email)
    except (InvalidInput, Conflict) as refused:
        return refuse(_hooks(problem=str(refused), wanted=form), refused)
    if made.secret is None:
        return redirect(url_for("dashboard.hook", hook=public("hook", made.hook.id)))
    return _shown_once(made.hook, made.secret, "The hook is made")


@pages.get("/hooks/<hook>")
def hook(hook: str) -> str:
    found = _found(hook)
    page_of, health = read(
        lambda conn: (
            deliveries.page(
                conn,
                me().org,
                deliveries.Filter(hook=found.id, state=request.args.get("state") or None),
                Cut.of(request.args.get("before"), size=_SIZE),
            ),
            hook_health.healths(conn, [found.id]).get(found.id),
        )
    )
    lists = read(lambda conn: all_lists(runtime(), conn, me().org))
    opened = request.args.get("open")
    story = None
    if opened:
        story = explain.delivery(runtime(), me().org, number("dlv", opened))
    return page(
        "hook",
        hook=found,
        name=hook,
        list_title=lists.titles.get(found.list_id or "", found.list_id),
        is_elsewhere=found.list_id in {one.id for one in lists.elsewhere},
        about=subscribe.about(found.event),
        keys=len(found.keys(runtime().clock.now())),
        scheme=subscribe.scheme_of(found),
        health=health,
        usual_at_once=EACH,
        found=page_of,
        story=story,
        state_chosen=request.args.get("state", ""),
        snippets=SNIPPETS,
        link=None,
        tried=None,
    )


@pages.post("/hooks/<hook>/state")
def hook_state(hook: str) -> Response:
    """Pauses a hook at once, or lets it go on; what was held is sent where that is asked for."""
    me().need("operator")
    _found(hook)
    paused = request.form.get("paused") == "yes"
    subscribe.set_state(
        runtime(), me().org, hook, "paused" if paused else "active", by=me().email
    )  # fmt: skip
    return redirect(url_for("dashboard.hook", hook=hook))


@pages.post("/hooks/<hook>/recover")
def recover_hook(hook: str) -> Response:
    """Sends everything that it did not get."""
    me().need("operator")
    redeliver.recover(runtime(), me().org, hook, by=me().email)
    return redirect(url_for("dashboard.hook", hook=hook))


@pages.post("/hooks/<hook>/deliveries")
def resend_delivery(hook: str) -> Response:
    """Sends one again."""
    me().need("operator")
    found = _found(hook)
    row = number("dlv", request.form.get("delivery", ""))
    detail = read(lambda conn: deliveries.detail(conn, me().org, row))
    if detail.row.target == public("hook", found.id):
        redeliver.resend(runtime(), me().org, row, by=me().email, force=True)
    return redirect(url_for("dashboard.hook", hook=hook, open=public("dlv", row)))


@pages.post("/hooks/<hook>/test")
def try_hook(hook: str) -> str:
    """Sends a signed sample, and shows what came back."""
    me().need("operator")
    found = _found(hook)
    try:
        tried = trial.send_sample(runtime(), me().org, hook, by=me().email)
    except Conflict as refused:
        tried = {"status": None, "error": str(refused), "sent": "", "body": ""}
    return render_template(
        "dashboard/hook_tried.html", hook=found, name=hook, tried=tried
    )  # fmt: skip


@pages.post("/hooks/<hook>/rotate")
def rotate_hook(hook: str) -> str:
    """A new secret; the old one signs for a day more."""
    me().need("admin")
    found, secret = subscribe.rotate(runtime(), me().org, hook, by=me().email)
    return _shown_once(found, secret, "The secret is changed")


@pages.post("/hooks/<hook>/portal")
def link_hook(hook: str) -> str:
    """A link for the subscriber, shown this once."""
    me().need("admin")
    url, ends = portal.make_link(runtime(), me().org, hook, by=me().email)
    return render_template(
        "dashboard/hook_link.html", name=hook, url=url, ends=ends
    )  # fmt: skip


@pages.post("/hooks/<hook>/delete")
def delete_hook(hook: str) -> Response:
    """Its URL is told nothing more."""
    me().need("admin")
    _found(hook)
    subscribe.unsubscribe(runtime(), me().org, hook, by=me().email)
    return redirect(url_for("dashboard.hooks"))


def _number(text: str) -> int | None:
    try:
        return int(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"{text[:20]!r} is no number") from error


def _found(ref: str) -> Hook:
    return read(lambda conn: subscribe.hook_called(runtime(), conn, me().org, ref))


def _hooks(*, problem: str = "", wanted: dict[str, str] | None = None) -> str:
    since = runtime().clock.now() - _DAY
    rows, health, numbers, setup, lists = read(
        lambda conn: (
            stored.all_hooks(conn, runtime().vault, me().org),
            hook_health.all_healths(conn, me().org),
            counted.counts(conn, me().org, since),
            runtime().setups.of(conn, me().org),
            all_lists(runtime(), conn, me().org),
        )
    )
    return page(
        "hooks",
        hooks=rows,
        health=health,
        numbers=numbers,
        types=types_of(setup).values(),
        lists=lists,
        titles=lists.titles,
        usual_at_once=EACH,
        most_at_once=subscribe.IN_FLIGHT[1],
        problem=problem,
        wanted=wanted or {},
    )


def _shown_once(found: Hook, secret: str, title: str) -> str:
    return render_template(
        "dashboard/hook_secret.html",
        title=title,
        hook=found,
        name=public("hook", found.id),
        secret=secret,
        scheme=subscribe.scheme_of(found),
    )
