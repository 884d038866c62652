"""Ten thousand rules beside ten: start, memory, and one event of which one rule matches."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from bench.harness import Report, in_turns
from bench.rules_loaded import STAGES
from relay.bootstrap import VERBS
from rules.engine import load, pack

MANY, FEW = 10_000, 10
A_FILE = 500
_RULE = """\
  - id: rule-{n:05d}
    name: Book what reached stage {n}
    owner: revops@example.com
    when: {{ changed: status, list: List {list}, to: Stage {stage} }}
    if: item.amount != null && item.amount > {n} && item.plan == "plan-{n}"
    do:
      - id: receipt
        use: quickbooks.sales_receipt
        with:
          customer: "${{account.name}}"
          email: "${{contact.email}}"
          date: "${{item.close_date == null ? date(now) : date(item.close_date)}}"
          amount: "${{item.amount}}"
      - use: crm.post_stream
        with:
          subject: "Booked ${{item.name}} by rule {n}"
          body: "Sales receipt ${{steps.receipt.output.number}}."
"""


def run() -> Report:
    """A process each, as a worker is one: it imports Relay, reads the packed set, takes events."""
    report = Report(
        name="rules",
        about="One event against 10,000 loaded rules of which one matches: the look-up, the"
        " condition and the values of two steps, beside the same with 10 rules.",
    )
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        many = _packed(Path(folder), MANY)
        report.add("lint and pack 10,000 rules", "s", [time.perf_counter() - began])
        with _loaded(many) as large, _loaded(_packed(Path(folder), FEW)) as small:
            report.add("start with 10,000 rules, imports included", "s", [large.started], bar=10,
                       at_least=False)  # fmt: skip
            found = in_turns({"many": large.event, "few": small.event}, rounds=5)
            report.add("one event with 10,000 rules", "µs", found["many"])
            report.add("one event with 10 rules", "µs", found["few"])
            times = [a / b for a, b in zip(found["many"], found["few"], strict=True)]
            report.add("10,000 rules beside 10", "times", times, bar=1.5, at_least=False)
            report.add("memory with 10,000 rules", "MB", [large.memory()], bar=300, at_least=False)
    return report


def _packed(folder: Path, count: int) -> Path:
    """A set of so many rules, checked and packed as `rules apply` keeps it."""
    texts = {
        f"rules/{start}.yaml": "version: 1\nrules:\n"
        + "".join(
            _RULE.format(n=n, list=n // STAGES, stage=n % STAGES)
            for n in range(start, min(start + A_FILE, count))
        )
        for start in range(0, count, A_FILE)
    }
    loaded = load(texts, verbs=VERBS, schemas=None)
    path = folder / f"{count}.json"
    path.write_text(pack(loaded.rules))
    return path


class _Loaded:
    """A process with a set of rules in it."""

    def __init__(self, path: Path) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.rules_loaded", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ask("ready")
        self.started = time.perf_counter() - began

    def event(self) -> float:
        return float(self._ask("event"))

    def memory(self) -> float:
        return float(self._ask("memory"))

    def _ask(self, what: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return orjson.loads(self.process.stdout.readline())


@contextmanager
def _loaded(path: Path) -> Iterator[_Loaded]:
    loaded = _Loaded(path)
    try:
        yield loaded
    finally:
        loaded.process.terminate()
        loaded.process.wait(10)
