"""Rules: the live set, how each is doing, its text; pausing one, holding every booking."""

from dataclasses import dataclass
from datetime import datetime

from flask import redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core.errors import NotFound
from relay.setups import NO_RULES, rule_id
from relay.storage import rulesets, switches
from relay.storage.reads import runs as stored_runs
from relay.storage.reads import setup as stored
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import change, me, organization, page, pages, read, runtime
from relay.web.dashboard.code import yaml_lines
from rules.engine import Rule, Trigger

_LAST_RUNS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule as the list shows it."""

    rule: Rule
    triggers: tuple[str, ...]
    health: stored.RuleHealth
    paused: tuple[str, datetime] | None


@pages.get("/rules")
def rules() -> str:
    org = organization()
    live, health, paused, applied, findings, found = read(
        lambda conn: (
            _live_rules(conn),
            stored.rule_health(conn, org.id),
            stored.who_paused(conn, org.id),
            stored.live_set(conn, org.id, org.rule_set_hash),
            rulesets.findings_of(conn, org.id),
            stored.versions(conn, org.id),
        )
    )
    lines = [
        RuleLine(
            rule=rule,
            triggers=tuple(in_words(trigger) for trigger in rule.when),
            health=health.get(rule.id, stored.RuleHealth()),
            paused=paused.get(rule.id),
        )
        for rule in live
    ]
    return page("rules", lines=lines, applied=applied, findings=findings, versions=found)


@pages.get("/rules/<id>")
def rule(id: str) -> str:
    org = organization()
    live, health, paused, last, texts = read(
        lambda conn: (
            _live_rules(conn),
            stored.rule_health(conn, org.id),
            stored.who_paused(conn, org.id),
            stored_runs.page(conn, org.id, stored_runs.Filter(rule=id), Cut(size=_LAST_RUNS)),
            {}
            if org.rule_set_hash in {None, NO_RULES}
            else rulesets.texts_of(conn, org.id, str(org.rule_set_hash)),
        )
    )
    found = next((one for one in live if one.id == id), None)
    if found is None:
        raise NotFound(f"no rule {id!r} is live; runs of it are kept")
    return page(
        "rule",
        rule=found,
        triggers=[in_words(trigger) for trigger in found.when],
        health=health.get(id, stored.RuleHealth()),
        paused=paused.get(id),
        last=last,
        lines=yaml_lines(_own_text(texts, found, live)),
    )


@pages.post("/rules/<id>/pause")
def pause_rule(id: str) -> Response:
    """Pauses one rule at once, or lets it go on."""
    paused = request.form.get("paused") == "yes"
    with change("operator", "rule paused" if paused else "rule goes on", id) as conn:
        if all(one.id != id for one in _live_rules(conn)):
            raise NotFound(f"no rule {id!r} is live")
        now = runtime().clock.now()
        switches.pause_rule(conn, me().org, id, paused=paused, by=me().email, at=now)
    return redirect(url_for("dashboard.rule", id=id))


@pages.post("/rules/bookings")
def hold_bookings() -> Response:
    """Holds every booking of the organization, or lets them go."""
    held = request.form.get("held") == "yes"
    with change("operator", "bookings held" if held else "bookings let go", "all") as conn:
        switches.hold_bookings(conn, me().org, held=held)
    return redirect(url_for("dashboard.rules"))


def in_words(trigger: Trigger) -> str:
    """`Deals · status → Deal Won`, `website · form.submitted`."""
    match trigger.kind:
        case "changed":
            became = " or ".join(_value(one) for one in trigger.to_values or ()) or "anything"
            came = " or ".join(_value(one) for one in trigger.from_values or ())
            start = f"{trigger.list} · {trigger.subject}"
            return f"{start} {came} → {became}" if came else f"{start} → {became}"
        case "created":
            return f"{trigger.list or 'anywhere'} · new {trigger.subject}"
        case "received":
            return f"{trigger.source or 'any source'} · {trigger.subject}"
        case "scheduled":
            return f"{trigger.subject}{f' on {trigger.list}' if trigger.list else ''}"


def _value(value: object) -> str:
    return "empty" if value is None else str(value)


def _live_rules(conn: Connection) -> tuple[Rule, ...]:
    """Without the sources' mappings, which stand on the sources' pages."""
    found = runtime().setups.of(conn, me().org)
    mapped = {rule_id(source) for source in found.sources}
    return tuple(one for one in found.rules.rules if one.id not in mapped)


def _own_text(texts: dict[str, str], rule: Rule, live: tuple[Rule, ...]) -> str:
    """The rule's own lines of its file."""
    lines = texts.get(rule.path, "").split("\n")
    later = [one.line for one in live if one.path == rule.path and one.line > rule.line]
    end = min(later) - 1 if later else len(lines)
    return "\n".join(lines[rule.line - 1 : end]).rstrip()
