"""The dashboard: one file for each page, rendered on the server; scripts only add to them."""

from datetime import datetime

from flask import Flask, g, request

from relay.core.access import ROLES
from relay.core.ids import public
from relay.web.dashboard import assets, blueprint, code, session, show

__all__ = ["install"]

# Importing a page registers its routes.
_PAGES = (assets, session)


def install(app: Flask) -> None:
    """Registers the pages, and what their templates may use."""
    app.jinja_env.filters.update(
        ago=lambda at: show.ago(at, blueprint.runtime().clock.now()),
        clock=show.clock,
        fine_clock=show.fine_clock,
        full=show.full,
        took=show.took,
        money=show.money,
        plain=show.plain,
        short=show.short,
        first_line=show.first_line,
        place=show.place,
    )
    app.jinja_env.globals.update(
        asset=assets.asset_url,
        badge_of=show.badge,
        public=public,
        count=show.count,
        json_lines=code.json_lines,
        leaves=code.leaves,
        span_ms=show.span_ms,
        may=_may,
        now=_now,
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
