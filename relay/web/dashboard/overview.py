"""The first page: is it well, what needs me, what was booked; and the first five minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core.ids import public
from relay.core.rhythm import told
from relay.crm.embedded import grid
from relay.pipeline import source_watch, unreadable
from relay.pipeline.misfit import no_longer_fit
from relay.pipeline.overdue import Late, late
from relay.pipeline.plain import address as shown
from relay.storage import connections, rulesets, sources
from relay.storage.reads import bookings, hooks, overview, settings, setup
from relay.storage.reads.lists import item_counts
from relay.storage.reads.page import Cut
from relay.storage.work import Kind
from relay.web.dashboard.blueprint import me, organization, page, pages, read, runtime
from relay.web.dashboard.sources import address

_YEAR = 365 * 24 * 3600
_BOOKED = 8
_HOOKS = 10
_URL = 80  # characters of it
_FAILING = timedelta(hours=1)  # without a success, until a hook needs somebody
_WORK = {
    Kind.EVENT: "Events have waited",
    Kind.COMPLETION: "Events have waited to be fetched",
    Kind.RUN: "Runs have waited",
    Kind.DELIVERY: "Deliveries have waited",
    Kind.MAIL: "Mails have waited",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something that waits for a person: a sentence, what it means, and the one thing to press."""

    tone: str
    title: str
    text: str
    button: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an organization has, for the first five minutes."""

    sources: Sequence[sources.SourceRow]
    connections: Sequence[connections.ConnectionRow]
    rules: int
    lists: Sequence[object]
    items: int
    keys: int


@pages.get("/", endpoint="overview")
def first_page() -> str:
    waiting = late(runtime(), me().org)
    template, facts = read(lambda conn: _overview(conn, waiting))
    return page(template, **facts)


@pages.post("/first-steps/skip")
def skip_first_steps() -> Response:
    response = redirect(url_for("dashboard.overview"))
    response.set_cookie("first_steps", "off", max_age=_YEAR, samesite="Lax", httponly=True)
    return response


def _overview(conn: Connection, waiting: Sequence[Late]) -> tuple[str, dict[str, Any]]:
    """Which page it is, and what it shows."""
    org, now = me().org, runtime().clock.now()
    progress = overview.progress(conn, org)
    is_new = organization().is_test and progress.first_booking is None
    if is_new and request.cookies.get("first_steps") != "off":
        return "first_steps", _first_steps(conn, progress)
    newest = bookings.page(conn, org, Cut(size=_BOOKED)).rows
    today = [one for one in newest if one.booked_at and now - one.booked_at < timedelta(hours=24)]
    return "overview", {
        "figures": overview.figures(conn, org, now),
        "needs": _needs(conn, now, waiting),
        "booked": today,
        "counted": overview.COUNTED,
    }


def _first_steps(conn: Connection, progress: overview.Progress) -> dict[str, Any]:
    org = me().org
    rows = sources.all_sources(conn, runtime().vault, org)
    form = next((row for row in rows if row.type == "webform"), None)
    lists = grid.lists(conn, org)
    deals = next((one for one in lists if one.title == "Deals"), lists[0] if lists else None)
    fields = ("-d email=ann@example.com", "-d name='Ann Lee'", "-d company='Acme Ltd'")
    return {
        "progress": progress,
        "form": form,
        "curl": " \\\n  ".join((f"curl -i {address(form)}", *fields)) if form else "",
        "deals": deals,
        "has": Found(
            sources=rows,
            connections=connections.all_connections(conn, org),
            rules=sum(1 for one in runtime().setups.of(conn, org).rules.rules if one.line),
            lists=lists,
            items=sum(item_counts(conn, org).values()),
            keys=len(settings.keys(conn, org)),
        ),
    }


def _needs(conn: Connection, now: datetime, waiting: Sequence[Late]) -> list[Need]:
    """What stops a booking comes first."""
    org = me().org
    return [
        *_late(waiting, now),
        *_unreadable(conn, org),
        *_stopped_connections(conn, org),
        *_failures(conn, org, now),
        *_stale_rules(conn, org),
        *_dead(conn, org),
        *_unwell_hooks(conn, org, now),
        *_stopped_sources(conn, org),
        *_silent_sources(conn, org, now),
    ]


def _late(waiting: Sequence[Late], now: datetime) -> list[Need]:
    needs = []
    for one in waiting:
        button, url = _oldest(one)
        text = "They are kept, and no worker takes them up: is one running, and are there enough?"
        if one.kind is Kind.DELIVERY:
            text = "They are kept. There are too few workers, or a receiver takes too few at once."
        needs.append(
            Need(
                tone="bad",
                title=f"{_WORK[one.kind]} for {told(now - one.since)}",
                text=text,
                button=button,
                url=url,
            )
        )
    return needs


def _oldest(one: Late) -> tuple[str, str]:
    match one.kind:
        case Kind.EVENT | Kind.COMPLETION:
            return "Open the oldest", url_for("dashboard.event", id=public("evt", one.id))
        case Kind.RUN:
            return "Open the oldest", url_for("dashboard.run", id=public("run", one.id))
        case Kind.DELIVERY:
            return "Show the hooks", url_for("dashboard.hooks")
        case _:
            return "Open the settings", url_for("dashboard.settings")


def _unwell_hooks(conn: Connection, org: int, now: datetime) -> list[Need]:
    needs = []
    for one in hooks.unwell(conn, org, now - _FAILING, limit=_HOOKS):
        is_off = one.state == "disabled"
        since = told(now - one.since) if one.since else None
        lasts = f" for {since}" if since else ""
        fate = "was disabled" if is_off else f"has failed{lasts}"
        said = one.reason if is_off else f"the last answer: {one.said}" if one.said else None
        last = f"{told(now - one.last_success_at)} ago" if one.last_success_at else "none yet"
        facts = [
            said,
            f"first failure: {since} ago" if since and is_off else None,
            f"last success: {last}",
            "what it is to hear is held" if is_off else "what it is to hear is tried again",
        ]
        needs.append(
            Need(
                tone="bad" if is_off else "warn",
                title=f"The hook for {one.event} {fate}",
                text=f"{shown(one.url)[:_URL]} · {_sentences(facts)}",
                button="Open the hook",
                url=url_for("dashboard.hook", hook=public("hook", one.id)),
            )
        )
    return needs


def _sentences(facts: Sequence[str | None]) -> str:
    return " ".join(f"{one[:1].upper()}{one[1:].rstrip('.')}." for one in facts if one)


def _unreadable(conn: Connection, org: int) -> list[Need]:
    """Secrets that no key opens. What a target is given is set on the command line."""
    return [
        Need(
            tone="bad",
            title=f"The secrets of the {one.kind} {one.name} cannot be read",
            text=f"{one.problem[:1].upper()}{one.problem[1:]}.",
            button=f"Open the {'settings' if one.kind == 'target' else one.kind}",
            url=_page_of(one),
        )
        for one in unreadable.unreadable(runtime(), conn, org)
    ]


def _page_of(one: unreadable.Unreadable) -> str:
    match one.kind:
        case "connection":
            return url_for("dashboard.connection", id=one.id)
        case "source":
            return url_for("dashboard.source", name=one.name)
        case "hook":
            return url_for("dashboard.hook", hook=public("hook", one.id))
        case _:
            return url_for("dashboard.settings")


def _stopped_connections(conn: Connection, org: int) -> list[Need]:
    waiting = setup.waiting_for(conn, org)
    needs = []
    for row in connections.all_connections(conn, org):
        if row.state == "active":
            continue
        held = waiting.get(row.id, 0)
        kept = f" {held} held; they go on by themselves, once each." if held else ""
        again = row.state == "needs_reconnect"
        what = "needs to be connected again" if again else "is paused"
        needs.append(
            Need(
                tone="bad" if again else "warn",
                title=f"{row.name} {what}",
                text=f"{(row.reason or '').rstrip('.').capitalize()}.{kept}",
                button="Open connections",
                url=url_for("dashboard.connections"),
            )
        )
    return needs


def _failures(conn: Connection, org: int, now: datetime) -> list[Need]:
    rules = runtime().setups.of(conn, org).rules.by_id
    needs = []
    for cause in overview.failures(conn, org, now):
        name = rules[cause.name].name if cause.name in rules else cause.name
        only = cause.number == 1
        url = (
            url_for("dashboard.run", id=public("run", cause.last_id))
            if only
            else url_for("dashboard.runs", state="failed", rule=cause.name)
        )
        needs.append(
            Need(
                tone="bad",
                title=f"{name or cause.name}: failed{'' if only else f' {cause.number} times'}",
                text=cause.reason,
                button="Open the run" if only else "Show the runs",
                url=url,
            )
        )
    return needs


def _stale_rules(conn: Connection, org: int) -> list[Need]:
    found = rulesets.findings_of(conn, org)
    both = (
        (no_longer_fit(found.live), "They go on working as far as they can.",
         found.live),
        ("The last rules were refused", "The set before them goes on working.", found.refused),
    )  # fmt: skip
    return [
        Need(
            tone="warn",
            title=title,
            text=f"{so_far} {first['path']} line {first['line']}: {first['message']}",
            button="Show the finding",
            url=url_for("dashboard.rules"),
        )
        for title, so_far, (first, *_) in (one for one in both if one[2])
    ]


def _dead(conn: Connection, org: int) -> list[Need]:
    causes = overview.dead_letters(conn, org)
    if not causes:
        return []
    number = sum(cause.number for cause in causes)
    return [
        Need(
            tone="bad",
            title="One thing could not be handled" if number == 1
            else f"{number} things could not be handled",
            text=f"Mostly: {causes[0].reason}. They are kept.",
            button="Show them",
            url=url_for("dashboard.dead"),
        )
    ]  # fmt: skip


def _stopped_sources(conn: Connection, org: int) -> list[Need]:
    return [
        Need(
            tone="warn",
            title=f"The source {row.name} is {row.state}",
            text=f"{row.reason or 'Nothing comes in through it'}. Its senders are told to come"
            " again.",
            button="Open the source",
            url=url_for("dashboard.source", name=row.name),
        )
        for row in sources.all_sources(conn, runtime().vault, org)
        if row.state != "active"
    ]


def _silent_sources(conn: Connection, org: int, now: datetime) -> list[Need]:
    return [
        Need(
            tone="warn",
            title=f"Nothing from {one.source} for {told(now - one.last_at)}",
            text=f"The usual time between two deliveries is {told(one.usual)}."
            " Its sender may have stopped, or send to another address.",
            button="Open the source",
            url=url_for("dashboard.source", name=one.source),
        )
        for one in source_watch.silences(conn, org)
    ]
