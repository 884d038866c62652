"""Durable accept beside the same server answering an empty 202."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from bench.harness import Report, in_turns
from bench.house import House, free_port, opened
from bench.load import Request, Result, send
from relay.supervisor.programs import serving
from tests.stores import until

SECONDS = 2.5
BARS = {"postgresql": 0.5, "sqlite": 0.4}
NEVER_SEEN = 40_000  # requests prepared for one round: none is sent twice
NOTHING = [Request(path="/", body=b'{"email":"ann@example.com"}', headers={})]


def run() -> Report:
    """Both databases; the web process and the broker alone, as on a machine for accepting."""
    report = Report(
        name="accept",
        about="`POST /in/webhook/…`: signature, dedupe key, commit, 202, beside the same server"
        " answering an empty 202. Empty is a Flask route that touches nothing, behind the same"
        " granian, loop and threads as Relay's own pages. Accepts themselves go past Flask: what"
        " the bare loop answers, a coroutine of three lines, and what the same Flask route answers"
        " under granian's own WSGI threads, stand beside, without a bar. 32 connections.",
    )
    for kind, bar in BARS.items():
        with opened(kind, run=["web"]) as house, ExitStack() as stack:
            others = {
                "empty 202": ("asginl", "bench.empty:app"),
                "empty 202 of the bare loop": ("asginl", "bench.empty:bare"),
                "empty 202 of Flask under WSGI": ("wsgi", "bench.empty:flask"),
            }
            ports = {name: stack.enter_context(_empty(*how)) for name, how in others.items()}
            _measure(report, kind, house, ports, bar)
    return report


def _measure(report: Report, kind: str, house: House, ports: dict[str, int], bar: float) -> None:
    source = house.signed("bench", None)

    def ours() -> float:
        return _sound(send(house.port, _fresh(house, source), seconds=SECONDS)).rate

    sides = {"durable accept": ours, **{name: _answering(port) for name, port in ports.items()}}
    for side in sides.values():
        side()
    found = in_turns(sides)
    for name, rates in found.items():
        report.add(f"{kind}: {name}", "/s", rates)
    durable = found["durable accept"]
    report.ratio(f"{kind}: durable beside empty", durable, found["empty 202"], bar)
    top = sorted(durable)[1]
    calm = [
        _sound(send(house.port, _fresh(house, source), seconds=SECONDS, rate=top / 2))
        for _ in range(3)
    ]
    report.add(f"{kind}: p50 at half its top rate", "ms", [one.p50 for one in calm])
    report.add(
        f"{kind}: p99 at half its top rate", "ms", [one.p99 for one in calm], bar=25, at_least=False
    )


def _answering(port: int) -> Callable[[], float]:
    return lambda: _sound(send(port, NOTHING, seconds=SECONDS)).rate


def _fresh(house: House, source: object) -> list[Request]:
    emails = [f"kim{n % 1000}@example.com" for n in range(NEVER_SEEN)]
    return house.requests(source, emails)  # type: ignore[arg-type]


def _sound(result: Result) -> Result:
    if result.refused:
        raise RuntimeError(f"refused: {result.statuses}")
    return result


@contextmanager
def _empty(interface: str, app: str) -> Iterator[int]:
    """The same server with an application that does nothing."""
    port = free_port()
    threads = ["--blocking-threads", "32"] if interface == "wsgi" else []
    server = subprocess.Popen([*serving(interface, app, "127.0.0.1", port), *threads])
    try:
        until(lambda: _answers(port), "the empty server")
        yield port
    finally:
        server.terminate()
        server.wait(15)


def _answers(port: int) -> bool:
    try:
        return send(port, NOTHING * 2, connections=1).refused == 0
    except subprocess.CalledProcessError:
        return False
