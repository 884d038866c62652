"""The whole job on the embedded CRM: webhook → contact by email → item updated → stream told."""

import statistics
import time

from sqlalchemy import select

from bench.harness import Report
from bench.house import JOB, House, opened
from bench.load import send, wait_for
from relay.storage.tables.events import events
from relay.storage.tables.runs import runs

PEOPLE = 1_000
JOBS = 6_000
CALM_SECONDS = 6.0


def run() -> Report:
    """PostgreSQL and SQLite; web, worker and beat beside the load on the same cores."""
    report = Report(
        name="job",
        about="A signed webhook finds the contact by email, updates its list item and posts to the"
        " Account Stream; embedded CRM, every process and the load on the same machine. Jobs a"
        " second from the first request to the last effect; times from receipt to last effect.",
    )
    for kind in ("postgresql", "sqlite"):
        with opened(kind) as house:
            _measure(report, kind, house)
    return report


def _measure(report: Report, kind: str, house: House) -> None:
    source = house.signed("bench", JOB)
    people = [f"kim{n}@example.com" for n in range(PEOPLE)]
    _do(house, source, people)  # the contacts and items that are found from now on
    house.settle()
    rates = []
    for _ in range(3):
        rates.append(_do(house, source, [people[n % PEOPLE] for n in range(JOBS)]))
    bar = 1_500 if kind == "postgresql" else None
    report.add(f"{kind}: whole jobs", "/s", rates, bar=bar)
    for rate, bars in ((100, (15.0, 40.0)), (500, (None, None))):
        taken = [_calm(house, source, people, rate) for _ in range(3)]
        for name, at, limit in (("median", 0, bars[0]), ("p99", 1, bars[1])):
            values = [one[at] for one in taken]
            report.add(f"{kind}: {name} at {rate}/s", "ms", values, bar=limit, at_least=False)


def _do(house: House, source: object, emails: list[str]) -> float:
    """Sends a job for each address and waits for the last effect; jobs a second."""
    before = house.count("runs", state="succeeded")
    requests = house.requests(source, emails)  # type: ignore[arg-type]
    began = time.perf_counter()
    result = send(house.port, requests)
    if result.refused:
        raise RuntimeError(f"refused: {result.statuses}")
    wanted = before + len(emails)
    over = wait_for(lambda: house.count("runs", state="succeeded"), wanted, seconds=120)
    return len(emails) / (over - began)


def _calm(house: House, source: object, people: list[str], rate: float) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds, from receipt to the last effect."""
    before = house.count("runs")
    emails = [people[n % PEOPLE] for n in range(int(rate * CALM_SECONDS))]
    send(house.port, house.requests(source, emails), rate=rate)  # type: ignore[arg-type]
    wait_for(lambda: house.count("runs", state="succeeded"), before + len(emails))
    query = (
        select(events.c.received_at, runs.c.ended_at)
        .join(runs, runs.c.event_id == events.c.id)
        .order_by(events.c.id.desc())
        .limit(len(emails))
    )
    with house.runtime.db.read() as conn:
        taken = [(end - start).total_seconds() * 1000 for start, end in conn.execute(query)]
    cuts = statistics.quantiles(taken, n=100)
    return cuts[49], cuts[98]
