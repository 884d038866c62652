"""The story of one event, run or delivery: what arrived, how it was checked, what it became, which
rules looked at it and why they did or did not fire, and each step with request and answer.

Stories are plain data, ready for JSON; secrets are masked.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from relay.core.ids import public
from relay.pipeline import documents, why
from relay.pipeline.documents import Document
from relay.pipeline.plain import address, headers, plain, time
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage.reads import deliveries, events, runs, story
from relay.storage.reads.deliveries import DeliveryDetail, DeliveryRow
from relay.storage.reads.events import EventDetail
from relay.storage.reads.runs import RunDetail, StepRow, TryRow
from relay.storage.tables.base import load
from rules.engine import Rule

_RUNS_TOLD = 20
_ON_FAILURE = 1000  # steps from here on are those of `on_failure`
_UNROUTED = {
    "accepted": "it waits to be read; rules look at it then",
    "duplicate": "a duplicate starts nothing",
    "rejected": "what was refused starts nothing",
    "unreadable": "it could not be read",
}


def event(runtime: Runtime, org: int, id: int) -> Document:
    """The story of an event with all its runs. Raises NotFound."""
    with runtime.db.read() as conn:
        found = events.detail(conn, org, id)
        setup = runtime.setups.of(conn, org)
        told = [_run(runtime, conn, setup, one.id) for one in found.runs[:_RUNS_TOLD]]
        proof = story.proof(conn, org, id)
        children = story.children(conn, org, id)
    change = _change(found)
    return {
        **documents.event(found.row),
        "arrived": _arrived(found) if found.row.kind == "delivery" else None,
        "checked": _checked(runtime, found, proof),
        "change": None if change is None else _changed(change),
        "facts": _facts(found, proof),
        "rules": _rules(setup, found, change),
        "runs": told,
        "led_to": [_child(child) for child in children],
        "gave_up": found.gave_up,
    }


def run(runtime: Runtime, org: int, id: int) -> Document:
    """The story of a run. Raises NotFound."""
    with runtime.db.read() as conn:
        return _run(runtime, conn, runtime.setups.of(conn, org), id)


def delivery(runtime: Runtime, org: int, id: int) -> Document:
    """The story of a delivery. Raises NotFound."""
    with runtime.db.read() as conn:
        return _delivery(deliveries.detail(conn, org, id))


def _arrived(found: EventDetail) -> Document:
    body = found.body
    return {
        "method": found.headers.get(":method", "POST"),
        "url": address(found.headers.get(":url", "")),
        "headers": headers(found.headers),
        "body": None if body is None else plain(body),
        "size": None if body is None else len(body),
    }


def _checked(runtime: Runtime, found: EventDetail, proof: story.Proof) -> Document | None:
    if found.row.kind != "delivery":
        return None
    return {
        "sender": proof.source_type,
        "proof": _proof(runtime, found, proof.source_type),
        "key": proof.key,
        "first": documents.event(found.row)["parent_id"],
    }


def _proof(runtime: Runtime, found: EventDetail, type: str | None) -> str:
    if found.row.state == "rejected":
        return f"refused: {found.row.reason or 'it did not prove where it comes from'}"
    integration = runtime.integrations.get(type or "")
    if integration is None or integration.source is None:
        return "its source is no longer there"
    if integration.source.secret == "none":  # noqa: S105 - says that there is none
        return "came to its source's own address, which nobody else knows"
    return f"came to its source's own address and passed the checks of {integration.title}"


def _facts(found: EventDetail, proof: story.Proof) -> Document | None:
    if found.facts is None:
        return None
    return {
        "data": plain(found.facts),
        "body": plain(found.facts_body),
        "occurred_at": time(proof.occurred_at),
    }


def _change(found: EventDetail) -> dict[str, Any] | None:
    if found.row.kind != "transition" or not found.body:
        return None
    change: dict[str, Any] = load(found.body.decode())
    return change


def _changed(change: dict[str, Any]) -> Document:
    author = change.get("author") or {}
    run_id = author.get("run")
    told = ("field", "from", "to", "created")
    known: Document = {name: plain(change[name]) for name in told if name in change}
    return {
        "list": change.get("list"),
        "item_id": change.get("item_id"),
        "about": change.get("about"),
        **known,
        "by": {
            "kind": author.get("kind"),
            "name": author.get("ref"),
            "run_id": None if run_id is None else public("run", run_id),
        },
        "record": plain(change.get("record")),
    }


def _rules(setup: Setup, found: EventDetail, change: dict[str, Any] | None) -> Document:
    live = len(setup.rules.rules)
    told: Document = {"set_hash": setup.set_hash, "live": live, "note": None, "not_fired": []}
    if found.row.state in _UNROUTED:
        return {**told, "note": _UNROUTED[found.row.state], "others": live}
    if found.row.kind == "tick":
        note = "the clock sets off one rule alone"
        return {**told, "note": note, "others": live - len(found.runs)}
    parts = found.row.type is not None and found.facts is None and found.row.state == "routed"
    if found.row.kind == "delivery" and parts and not found.runs:
        note = "it tells of other events, which rules look at one by one"
        return {**told, "note": note, "others": live}
    seen = why.Seen(type=found.row.type, source=found.row.source, change=change)
    fired = {one.rule_id for one in found.runs}
    near, far = why.bystanders(setup, seen, fired)
    not_fired = [
        {"rule": one.rule.id, "name": one.rule.name or one.rule.id, "why": one.why} for one in near
    ]
    return {**told, "not_fired": not_fired, "others": len(far)}


def _child(child: story.Child) -> Document:
    return {
        "id": public("evt", child.id),
        "kind": child.kind,
        "state": child.state,
        "type": child.type,
        "about": child.about,
        "item_id": child.item_id,
        "reason": child.reason,
    }


def _run(runtime: Runtime, conn: Connection, setup: Setup, id: int) -> Document:
    org = setup.organization.id
    found = runs.detail(conn, org, id)
    rule = _rule(runtime, conn, setup, found)
    sent = deliveries.of_runs(conn, org, [id])
    return {
        **documents.run(found.row, setup),
        "trigger": None if rule is None else _trigger(rule, found.row.trigger),
        "condition": None if rule is None else rule.condition,
        "clauses": [plain(clause) for clause in found.row.clauses],
        "steps": [_step(step, rule, sent) for step in found.steps],
        "not_reached": _not_reached(rule, found.steps) if rule else [],
        "bookings": [_booking(one) for one in found.booked],
        "beside": [documents.run(one, setup) for one in found.others],
    }


def _rule(runtime: Runtime, conn: Connection, setup: Setup, found: RunDetail) -> Rule | None:
    """The rule as it was when it ran; one that is not kept, as it is now."""
    then = runtime.setups.rule_that_ran(conn, setup.organization.id, found.row)
    return then or setup.rules.by_id.get(found.row.rule_id)


def _trigger(rule: Rule, number: int) -> str | None:
    return why.watched(rule.when[number]) if 0 <= number < len(rule.when) else None


def _step(step: StepRow, rule: Rule | None, sent: Sequence[DeliveryRow]) -> Document:
    output = step.output if isinstance(step.output, dict) else {}
    named = output.get("delivery")
    return {
        "id": step.step_id,
        "use": step.use,
        "on_failure": step.n >= _ON_FAILURE,
        "state": step.state,
        "with": plain(step.input),
        "output": plain(step.output),
        "changes": _changes(step),
        "error": step.error,
        "key": step.key,
        "tried": step.attempts,
        "attempts": [_try(one) for one in step.tries],
        "delivery": next(
            (documents.delivery(row) for row in sent if public("dlv", row.id) == named), None
        ),
        "place": _place(rule, step),
        "started_at": time(step.started_at),
        "ended_at": time(step.ended_at),
    }


def _changes(step: StepRow) -> Document:
    changes = step.changes or {}
    return {
        slug: {"from": plain(pair[0]), "to": plain(pair[1])}
        for slug, pair in changes.items()
        if isinstance(pair, (list, tuple))
    }


def _place(rule: Rule | None, step: StepRow) -> str | None:
    """Where the step stands in its file."""
    if rule is None:
        return None
    program = rule.on_failure if step.n >= _ON_FAILURE else rule.do
    found = next((one for one in program if one.id == step.step_id), None)
    return f"{found.path}:{found.line}" if found is not None and found.line else None


def _not_reached(rule: Rule, done: Sequence[StepRow]) -> list[Document]:
    known = {step.step_id for step in done}
    return [{"id": step.id, "use": step.use} for step in rule.do if step.id not in known]


def _try(one: TryRow) -> Document:
    return {
        "attempt": one.attempt,
        "at": time(one.at),
        "took_ms": one.took_ms,
        "outcome": one.outcome,
        "message": one.message,
        "exchanges": [_exchange(each) for each in one.exchanges],
    }


def _exchange(each: Any) -> Document:
    told: Document = plain(each)
    if isinstance(told.get("url"), str):
        told["url"] = address(told["url"])
    return told


def _booking(row: Any) -> Document:
    return {
        "id": public("bkg", row["id"]),
        "verb": row["verb"],
        "label": row["label"],
        "number": row["number"],
        "state": row["state"],
        "run_id": public("run", row["run_id"]),
        "external_number": row["external_number"],
        "amount": row["amount"],
        "currency": row["currency"],
    }


def _delivery(found: DeliveryDetail) -> Document:
    return {
        **documents.delivery(found.row),
        "headers": headers(found.headers),
        "body": plain(found.body),
        "attempts": [
            {
                "attempt": one.attempt,
                "at": time(one.at),
                "took_ms": one.took_ms,
                "status": one.status,
                "response_headers": headers(one.response_headers),
                "response_body": plain((one.response_body or "").encode()),
                "error": one.error,
            }
            for one in found.tries
        ],
    }
