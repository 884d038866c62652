"""`python -m bench [NAME …]`: runs the benchmarks and keeps their results."""

import sys
from collections.abc import Callable

from bench import accept, crm, deliver, growth, harness, job, memory, remote, rules, start, verify
from bench.harness import Report

BENCHMARKS: dict[str, Callable[[], Report]] = {
    "rules": rules.run,
    "accept": accept.run,
    "crm": crm.run,
    "job": job.run,
    "remote": remote.run,
    "verify": verify.run,
    "deliver": deliver.run,
    "isolation": deliver.isolation,
    "memory": memory.run,
    "start": start.run,
    "growth": growth.run,
}


def main(names: list[str]) -> int:
    """0 when every bar was met."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no {unknown[0]!r}: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    missed = 0
    for name in names or BENCHMARKS:
        print(name, flush=True)
        report = BENCHMARKS[name]()
        harness.keep(report)
        missed += sum(figure.verdict == "missed" for figure in report.figures)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
