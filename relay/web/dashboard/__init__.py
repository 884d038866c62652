"""The dashboard: one file for each page, rendered on the server; scripts only add to them."""

from datetime import datetime

from flask import Flask, g, request

from relay.core import exact_json
from relay.core.access import ROLES
from relay.core.ids import public
from relay.crm.moments import instant
from relay.web.dashboard import (
    accounts,
    again,
    assets,
    blueprint,
    bookings,
    code,
    connection,
    connections,
    dead,
    definitions,
    events,
    files,
    hooks,
    items,
    lists,
    many_runs,
    mapping,
    overview,
    people,
    rules,
    run,
    runs,
    sandbox,
    search,
    session,
    settings,
    show,
    sources,
    trials,
    words,
)

__all__ = ["install"]

# Importing a page registers its routes.
_PAGES = (
    accounts,
    again,
    assets,
    bookings,
    connection,
    connections,
    dead,
    definitions,
    events,
    files,
    hooks,
    items,
    lists,
    many_runs,
    mapping,
    overview,
    people,
    rules,
    run,
    runs,
    sandbox,
    search,
    session,
    settings,
    sources,
    trials,
)


def install(app: Flask) -> None:
    """Registers the pages, and what their templates may use."""
    app.jinja_env.filters.update(
        ago=lambda at: show.ago(at, blueprint.runtime().clock.now()),
        clock=show.clock,
        fine_clock=show.fine_clock,
        full=show.full,
        took=show.took,
        money=show.money,
        json=exact_json.dumps,
        plain=show.plain,
        short=show.short,
        option=show.option,
        setting=show.setting,
        first_line=show.first_line,
        place=show.place,
        step_title=words.step_title,
    )
    app.jinja_env.tests["booking"] = words.is_booking
    app.jinja_env.globals.update(
        asset=assets.asset_url,
        badge_of=show.badge,
        public=public,
        count=show.count,
        json_lines=code.json_lines,
        text_lines=code.text_lines,
        not_held=words.not_held,
        rule_title=words.rule_title,
        span_ms=show.span_ms,
        may=_may,
        now=_now,
        moment=instant,
        with_args=events.with_args,
        step_icon=words.step_icon,
        clause_words=words.failed_clause,
    )
    app.register_blueprint(blueprint.pages)


@blueprint.pages.app_context_processor
def _for_every_page() -> dict[str, object]:
    return {
        "theme": request.cookies.get("theme", "system"),
        "in_utc": request.cookies.get("zone") == "utc",
        "keys_on": request.cookies.get("keys") != "off",
        "person": g.get("person"),
        "organization": g.get("organization"),
        "badges": g.get("badges"),
        "here": request.full_path.rstrip("?"),
    }


def _may(role: str) -> bool:
    return ROLES.index(blueprint.me().role) >= ROLES.index(role)


def _now() -> datetime:
    return blueprint.runtime().clock.now()
