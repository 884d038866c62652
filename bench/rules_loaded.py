"""A process that has read a packed set, and answers what one event costs it."""

import sys
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from relay import bootstrap
from rules.engine import RuleSet, holds, resolve, unpack

EVENTS = 4_000
MOST_HIT = 1_000
STAGES = 50  # of a list: rules of one list watch each of them
_PAGE = 4096
assert bootstrap.VERBS  # what a worker imports is in its memory and in its start


def main(path: Path) -> None:
    rules = unpack(path.read_text())
    assert rules is not None
    live = RuleSet(rules)
    known = {"ready": lambda: 1, "event": lambda: _event(live), "memory": _memory}
    for line in sys.stdin:
        print(known[line.strip()](), flush=True)


def _event(live: RuleSet) -> float:
    """Microseconds of its processor for one; of many rules, a thousand are set off in turn."""
    step = max(len(live.rules) // MOST_HIT, 1)
    numbers = range(0, len(live.rules), step)
    cases = [(f"List {n // STAGES}", f"Stage {n % STAGES}", _facts(n)) for n in numbers]
    for case in cases:
        _meet(live, *case)  # compiles what has not been: a worker does so once
    began = time.process_time()
    for number in range(EVENTS):
        _meet(live, *cases[number % len(cases)])
    return (time.process_time() - began) / EVENTS * 1e6


def _meet(live: RuleSet, title: str, stage: str, facts: dict[str, object]) -> None:
    (match,) = live.changed(title, "status", "New", stage)
    assert holds(match.rule, facts)
    for step in match.rule.do:
        resolve(step, facts)


def _facts(n: int) -> dict[str, object]:
    return {
        "item": {"name": "Acme", "amount": Decimal(n + 1), "plan": f"plan-{n}",
                 "close_date": date(2026, 5, 1)},
        "account": {"name": "Acme"},
        "contact": {"email": "ann@acme.test"},
        "steps": {"receipt": {"output": {"number": "CRM-1a2b"}}},
        "now": datetime(2026, 5, 1, tzinfo=UTC),
        "timezone": "UTC",
    }  # fmt: skip


def _memory() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6


if __name__ == "__main__":
    main(Path(sys.argv[1]))
