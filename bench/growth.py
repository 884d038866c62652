"""What a long past costs: accepting, recording and looking with 1,000,000 finished rows of each
kind, beside the same with as many as the overview counts at most."""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from flask.testing import FlaskClient
from sqlalchemy import select

from bench import past
from bench.harness import Report, in_turns
from bench.house import JOB, House, opened
from bench.load import send
from relay import first
from relay.pipeline.engine import Engine
from relay.storage.reads import overview
from relay.storage.sources import SourceRow
from relay.storage.tables.events import events
from relay.web.app import create_app

LONG, SHORT = 1_000_000, overview.COUNTED
BAR = 1.1
ROUNDS = 5
CHUNK, CHUNKS = 64, 12
LOOKS = 15
PEOPLE = 500
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
PAGES = {
    "events": "/api/v1/events",
    "events by state": "/api/v1/events?state=routed",
    "events by a state that none has": "/api/v1/events?state=unreadable",
    "runs": "/api/v1/runs",
    "runs by state": "/api/v1/runs?state=succeeded",
    "runs by a state that none has": "/api/v1/runs?state=failed",
    "deliveries": "/api/v1/deliveries",
    "deliveries by state": "/api/v1/deliveries?state=delivered",
    "deliveries by a state that none has": "/api/v1/deliveries?state=failed",
    "the dashboard's overview": "/",
    "the dashboard's events": "/events",
    "the dashboard's runs": "/runs",
}


@dataclass(slots=True, kw_only=True)
class _Side:
    """A Relay with its past. The worker's engine and the pages run here, the web server apart."""

    house: House
    engine: Engine
    source: SourceRow
    client: FlaskClient
    recorded: list[float] = field(default_factory=list)

    def work(self) -> float:
        """Seconds an event until it is accepted; those until its run has ended are noted."""
        count = CHUNK * CHUNKS
        emails = [f"kim{n % PEOPLE}@example.com" for n in range(count)]
        result = send(self.house.port, self.house.requests(self.source, emails))
        if result.refused:
            raise RuntimeError(f"refused: {result.statuses}")
        self.recorded.append(self._record(count))
        return result.seconds / count

    def _record(self, count: int) -> float:
        query = select(events.c.id).where(events.c.kind == "delivery")
        with self.house.runtime.db.read() as conn:
            newest = query.order_by(events.c.id.desc()).limit(count)
            ids = sorted(conn.execute(newest).scalars())
        began = time.perf_counter()
        for start in range(0, count, CHUNK):
            self.engine.route(ids[start : start + CHUNK])
        taken = time.perf_counter() - began
        if not self.house.settled():
            raise RuntimeError("something was left to do")
        return taken / count

    def look(self, path: str) -> float:
        """Seconds a page."""
        taken = []
        key = (self.house.made.key, self.house.made.secret)
        for _ in range(LOOKS):
            began = time.perf_counter()
            answer = self.client.get(path, auth=key if path.startswith("/api/") else None)
            taken.append(time.perf_counter() - began)
            if answer.status_code != 200:
                raise RuntimeError(f"{path}: {answer.status}")
        return statistics.median(taken)


def run() -> Report:
    """PostgreSQL and SQLite, both sides open at once and asked in turns."""
    report = Report(
        name="growth",
        about=f"{LONG:,} finished events, each with payload, outcome, firing, run, step and"
        f" delivery, beside {SHORT:,}: accepting, claim to settled run in chunks of {CHUNK}, and"
        " pages, in turns. Times the cost with the short past.",
    )
    for kind in ("postgresql", "sqlite"):
        with ExitStack() as stack:
            short, long = (stack.enter_context(_side(kind, count)) for count in (SHORT, LONG))
            _compare(report, f"{kind}: accept", short.work, long.work)
            recorded = {"short": short.recorded[1:], "long": long.recorded[1:]}
            _add(report, f"{kind}: claim to settled", recorded)
            for name, path in PAGES.items():
                _compare(
                    report, f"{kind}: {name}", *(_looking(side, path) for side in (short, long))
                )
    return report


def _looking(side: _Side, path: str) -> Callable[[], float]:
    return lambda: side.look(path)


def _compare(
    report: Report, name: str, short: Callable[[], float], long: Callable[[], float]
) -> None:
    short(), long()
    _add(report, name, in_turns({"short": short, "long": long}, rounds=ROUNDS))


def _add(report: Report, name: str, found: dict[str, list[float]]) -> None:
    report.add(f"{name}, short past", "ms", [one * 1000 for one in found["short"]])
    times = [b / a for a, b in zip(found["short"], found["long"], strict=True)]
    report.add(name, "times", times, bar=BAR, at_least=False)


@contextmanager
def _side(kind: str, count: int) -> Iterator[_Side]:
    with opened(kind, run=["web"]) as house:
        past.fill(house, count)
        client = create_app(house.runtime).test_client()
        token = _TOKEN.search(client.get("/login").text)
        assert token is not None
        form = {"csrf_token": token[1], "email": first.EMAIL, "password": house.made.password}
        client.post("/login", data=form)
        engine = Engine(house.runtime)
        try:
            yield _Side(
                house=house, engine=engine, source=house.signed("bench", JOB), client=client
            )
        finally:
            engine.close()
