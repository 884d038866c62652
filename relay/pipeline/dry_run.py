"""Rules tried on what happened: stored events looked at by another set, every verb replaced by its
schema's check and by what it gave when it ran. Nothing is done and nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import unified_diff
from typing import Any

import orjson
from sqlalchemy import Connection

from relay.core.errors import NotFound
from relay.core.ids import public
from relay.mapping import is_mapping
from relay.pipeline.plain import plain, time
from relay.pipeline.plan import Firing, Plan, look
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored_events
from relay.storage import replays
from relay.storage.events import EventRow
from relay.storage.runs import StoredRun
from relay.storage.work import Lease
from rules.engine import Rule, RuleSet, rule_hash
from rules.engine.simulate import Simulated, simulate

Document = dict[str, Any]
_Stubs = Mapping[str, Mapping[str, Mapping[str, object]]]

MOST = 10_000  # events of one dry run
CHUNK = 200
_NOTHING = "not considered"
# What a simulation cannot tell apart: `once`, pauses and waits are about other runs.
_FIRED = frozenset({"succeeded", "skipped", "held", "waiting", "running", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which events, which rule (None: all), and how many events at most, newest first."""

    since: timedelta
    rule: str | None = None
    limit: int = 1000


def dry_run(
    runtime: Runtime, org: int, rules: Sequence[Rule], against: Sequence[Rule] | None, asked: Asked
) -> Document:
    """For each event, what each of the rules would do beside what did run; or, with `against`,
    beside what those would do. Raises NotFound for a rule that is in none of them."""
    known = {rule.id for rule in (*rules, *(against or ()))}
    if asked.rule is not None and asked.rule not in known:
        raise NotFound(f"there is no rule {asked.rule!r} in what is tried")
    since = runtime.clock.now() - asked.since
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, org)
        ids = stored_events.looked_at(conn, org, since, min(asked.limit, MOST))
        data = [
            line
            for start in range(0, len(ids), CHUNK)
            for row in stored_events.read_events(conn, ids[start : start + CHUNK])
            for line in _lines(runtime, conn, setup, row, rules, against, asked.rule)
        ]
    differ = sum(line["differs"] for line in data)
    return {"events": len(ids), "differ": differ, "data": data}


def simulated(
    runtime: Runtime, setup: Setup, row: EventRow, rules: Sequence[Rule], stubs: _Stubs
) -> dict[str, tuple[Firing, Simulated]]:
    """What each rule that looks at the event would do, as if it were then."""
    found = replace_rules(setup, rules)
    plan = Plan(
        lease=Lease(id=row.id, org=row.org, okey=row.okey, attempts=1), row=row, setup=found,
        okey=row.okey,
    )  # fmt: skip
    look(runtime, plan, row.received_at)
    return {
        firing.match.rule.id: (
            firing,
            simulate(
                firing.match.rule,
                firing.facts,
                runtime.verbs,
                stubs.get(firing.match.rule.id, {}),
            ),
        )
        for firing in plan.firings
    }


def replace_rules(setup: Setup, rules: Sequence[Rule]) -> Setup:
    """The organization's setup with other rules in place of its own."""
    return replace(setup, rules=RuleSet(rules))


def _lines(
    runtime: Runtime,
    conn: Connection,
    setup: Setup,
    row: EventRow,
    rules: Sequence[Rule],
    against: Sequence[Rule] | None,
    only: str | None,
) -> Iterator[Document]:
    ran = {
        run.rule_id: run
        for run in reversed(replays.runs_of_event(conn, row.org, row.id))
        if run.replay_of is None and not is_mapping(run.rule_id)
    }
    stubs = {rule: _gave(run) for rule, run in ran.items()}
    would = simulated(runtime, setup, row, rules, stubs)
    other = simulated(runtime, setup, row, against, stubs) if against is not None else None
    before = set(ran) if other is None else set(other)
    for rule in sorted({*would, *before}):
        if only is not None and rule != only:
            continue
        mine = would.get(rule)
        if other is None:
            line = _beside_run(conn, mine, ran.get(rule))
        else:
            line = _beside_other(mine, other.get(rule))
        run = ran.get(rule)
        yield {
            "event": public("evt", row.id),
            "at": time(row.received_at),
            "kind": row.kind,
            "rule": rule,
            "run": None if run is None else public("run", run.id),
            **line,
        }


def _beside_run(
    conn: Connection, mine: tuple[Firing, Simulated] | None, run: StoredRun | None
) -> Document:
    would = _told(mine)
    did: Document = {"ends": run.state if run is not None else _NOTHING, "actions": _did(conn, run)}
    same = _kind(would["ends"]) == _kind(did["ends"])
    # What an unchanged rule would do now differs in the time of day at most.
    changed = False
    if mine is not None and run is not None:
        changed = run.rule_hash != rule_hash(mine[0].match.rule)
    diff = _diff(did["actions"], would["actions"]) if changed else ""
    return {"would": would, "did": did, "differs": not same or bool(diff), "diff": diff}


def _beside_other(
    mine: tuple[Firing, Simulated] | None, other: tuple[Firing, Simulated] | None
) -> Document:
    would, did = _told(mine), _told(other)
    diff = _diff(did["actions"], would["actions"])
    return {"would": would, "did": did, "differs": would != did, "diff": diff}


def _kind(ends: str) -> str:
    return "fired" if ends in _FIRED else ends


def _told(found: tuple[Firing, Simulated] | None) -> Document:
    if found is None:
        return {"ends": _NOTHING, "actions": []}
    _, done = found
    return {
        "ends": done.ends,
        "actions": [{"use": one.use, "with": plain(one.params)} for one in done.actions],
        **({"error": done.error} if done.error else {}),
    }


def _did(conn: Connection, run: StoredRun | None) -> list[Document]:
    if run is None:
        return []
    given = replays.inputs_of(conn, run.id)
    return [
        {"use": row["use"], "with": plain(given[number])}
        for number, row in sorted(run.steps.items())
        if row["state"] in {"succeeded", "failed", "waiting"}
    ]


def _gave(run: StoredRun) -> dict[str, Mapping[str, object]]:
    """What each step gave when it ran, in place of doing it again."""
    gave: dict[str, Mapping[str, object]] = {}
    for row in run.steps.values():
        if row["state"] == "succeeded" and row["output"]:
            gave[row["step_id"]] = {"output": row["output"]}
    return gave


def _diff(before: object, after: object) -> str:
    was, would = (
        orjson.dumps(side, option=orjson.OPT_INDENT_2).decode().splitlines()
        for side in (before, after)
    )
    return "\n".join(unified_diff(was, would, "did", "would", lineterm="", n=2))
