"""At the end of a test run: what this machine could not run, and why.

With CI=true a skipped test is a failure, so that a machine without PostgreSQL or a browser
cannot pass by running less.
"""

import os
from collections import Counter

import pytest

_REASON = 2  # of (path, line, reason)


def _unrun(reporter: pytest.TerminalReporter) -> Counter[str]:
    reasons: Counter[str] = Counter()
    for report in reporter.stats.get("skipped", []):
        told = report.longrepr
        reason = told[_REASON] if isinstance(told, tuple) else str(told)
        reasons[reason.removeprefix("Skipped: ")] += 1
    return reasons


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI") != "true" or session.exitstatus:
        return
    if _unrun(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = _unrun(terminalreporter)
    if not reasons:
        return
    verdict = (
        "and CI=true makes that a failure"
        if os.environ.get("CI") == "true"
        else "each for its reason"
    )
    terminalreporter.section(f"not run on this machine, {verdict}")
    for reason, number in sorted(reasons.items()):
        terminalreporter.write_line(f"{number:4d}  {reason}")
