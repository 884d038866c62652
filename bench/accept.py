"""Durable accept beside the same server answering an empty 202."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.harness import Report, in_turns
from bench.house import House, free_port, opened
from bench.load import Request, Result, send
from relay.supervisor.programs import THREADS
from tests.stores import until

SECONDS = 4.0
BARS = {"postgresql": 0.5, "sqlite": 0.4}
NEVER_SEEN = 40_000  # requests prepared for one round: none is sent twice


def run() -> Report:
    """Both databases; the web process and the broker alone, as on a machine for accepting."""
    report = Report(
        name="accept",
        about="`POST /in/webhook/…`: signature, dedupe key, commit, 202, beside the same server"
        " (granian, Flask, the same threads) answering an empty 202. 32 connections.",
    )
    for kind, bar in BARS.items():
        with opened(kind, run=["web"]) as house, _empty() as empty:
            _measure(report, kind, house, empty, bar)
    return report


def _measure(report: Report, kind: str, house: House, empty: int, bar: float) -> None:
    source = house.signed("bench", None)
    nothing = [Request(path="/", body=b'{"email":"ann@example.com"}', headers={})]

    def ours() -> float:
        return _sound(send(house.port, _fresh(house, source), seconds=SECONDS)).rate

    def theirs() -> float:
        return _sound(send(empty, nothing, seconds=SECONDS)).rate

    ours(), theirs()
    found = in_turns({"durable": ours, "empty": theirs})
    report.add(f"{kind}: durable accept", "/s", found["durable"])
    report.add(f"{kind}: empty 202", "/s", found["empty"])
    report.ratio(f"{kind}: durable beside empty", found["durable"], found["empty"], bar)
    top = sorted(found["durable"])[1]
    calm = [
        _sound(send(house.port, _fresh(house, source), seconds=SECONDS, rate=top / 2))
        for _ in range(3)
    ]
    report.add(f"{kind}: p50 at half its top rate", "ms", [one.p50 for one in calm])
    report.add(
        f"{kind}: p99 at half its top rate", "ms", [one.p99 for one in calm], bar=25, at_least=False
    )


def _fresh(house: House, source: object) -> list[Request]:
    emails = [f"kim{n % 1000}@example.com" for n in range(NEVER_SEEN)]
    return house.requests(source, emails)  # type: ignore[arg-type]


def _sound(result: Result) -> Result:
    if result.refused:
        raise RuntimeError(f"refused: {result.statuses}")
    return result


@contextmanager
def _empty() -> Iterator[int]:
    """The same server with an application that does nothing."""
    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "bench.empty:app"),
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--blocking-threads", str(THREADS), "--http", "1", "--no-ws", "--no-access-log"),
            *("--log-level", "warning"),
        ]
    )
    try:
        until(lambda: _answers(port), "the empty server")
        yield port
    finally:
        server.terminate()
        server.wait(15)


def _answers(port: int) -> bool:
    try:
        nothing = [Request(path="/", body=b"", headers={})] * 2
        return send(port, nothing, connections=1).refused == 0
    except subprocess.CalledProcessError:
        return False
