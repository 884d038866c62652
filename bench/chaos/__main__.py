"""`python -m bench.chaos`: every fault once under load, and a reckoning; exit 1 on a loss."""

import argparse
import random
import sys
from collections.abc import Sequence

from bench import harness
from bench.chaos.story import DRAINED_WITHIN, FLUSHED_WITHIN, Outcome, play
from bench.harness import Report

STORES = ("postgresql", "sqlite")
ABOUT = (
    "A whole Relay under a steady load of signed forms, each told to five hooks and written to the"
    " CRM, while its processes are killed with -9, its broker is flushed, its database crashes and"
    " its subscriber goes away, each at a moment of its own. Counted by a ledger of ids on both"
    " sides; senders repeat what is not acknowledged."
)


def main(given: Sequence[str]) -> int:
    """0 when nothing was lost, doubled or out of order, and everything ended in time."""
    asked = _parser().parse_args(given)
    report = Report(name="chaos", about=ABOUT)
    ok = True
    for kind in asked.store or STORES[:1]:
        seed = random.randrange(10_000) if asked.seed is None else asked.seed
        print(f"{kind}, seed {seed}", flush=True)
        outcome = play(kind, rate=asked.rate, seconds=asked.seconds, seed=seed)
        _table(outcome)
        _figures(report, outcome)
        ok = ok and outcome.ok
    harness.keep(report)
    print("\nNothing was lost." if ok else "\nSomething is WRONG.")
    return int(not ok)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument(
        "--store", action="append", choices=STORES, help="each that is named; postgresql"
    )
    parser.add_argument("--rate", type=float, default=40.0, help="forms a second (40)")
    parser.add_argument("--seconds", type=float, default=45.0, help="of load (45)")
    parser.add_argument("--seed", type=int, help="for the same order and moments again")
    return parser


def _table(outcome: Outcome) -> None:
    rows = [("fault", "at", "none taken for", "longest on its way")]
    rows += [
        (one.fault, f"{one.at:.1f} s", f"{one.silence:.1f} s", f"{one.longest:.1f} s")
        for one in outcome.struck
    ]
    _print(rows)
    hooks = [("hook", "lost", "doubled", "came again", "out of order")]
    hooks += [
        (one.path, str(len(one.lost)), str(len(one.doubled)), str(one.again),
         str(len(one.disordered)) if one.path == "ordered" else "")
        for one in outcome.hooks
    ]  # fmt: skip
    _print(hooks)
    print(
        f"{outcome.acknowledged} forms acknowledged, {outcome.asked_again} times asked again;"
        f" all ended {outcome.drained:.1f} s after the last"
    )
    for reason, count in outcome.unfinished.items():
        print(f"NOT DELIVERED: {count} {reason}")
    for line in outcome.effects[:20]:
        print(f"WRONG in the CRM: {line}")


def _print(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for row in rows:
        told = [row[0].ljust(widths[0])]
        told += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  " + "   ".join(told))
    print(flush=True)


def _figures(report: Report, outcome: Outcome) -> None:
    for name, count in (
        ("lost", outcome.lost),
        ("under two ids", outcome.doubled),
        ("out of order", outcome.disordered),
        ("effects in the CRM missing or doubled", len(outcome.effects)),
        ("not delivered", sum(outcome.unfinished.values())),
    ):
        report.add(f"{outcome.store}: {name}", "", [float(count)], bar=0.0, at_least=False)
    report.add(f"{outcome.store}: acknowledged", "", [float(outcome.acknowledged)])
    report.add(f"{outcome.store}: came again under the same id", "", [float(outcome.again)])
    for name, seconds, bar in (
        ("longest on its way after the flush", outcome.flushed, FLUSHED_WITHIN),
        ("all ended after", outcome.drained, DRAINED_WITHIN),
    ):
        report.add(f"{outcome.store}: {name}", "s", [seconds], bar=bar, at_least=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
