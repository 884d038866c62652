"""Deliveries: how many a second reach a fast subscriber, how soon after the event, and whether
those that hang hold up those that do not."""

import statistics
import time

from sqlalchemy import select

from bench.harness import Report, in_turns
from bench.house import House, opened
from bench.load import send, wait_for
from bench.receiver import receiving
from relay.pipeline import subscribe
from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.events import events

HOOKS = 20
EVENTS = 600  # each is told to every hook
CALM = 200.0  # events a second, one hook
CALM_SECONDS = 5.0
ISOLATION_SECONDS = 5.0
LEAD_IN_SECONDS = 1.0
ISOLATION_ROUNDS = 6


def run() -> Report:
    """PostgreSQL and SQLite; every process, the load and the subscriber on the same machine."""
    report = Report(
        name="deliver",
        about=f"A signed webhook is told to {HOOKS} hooks on loopback that answer at once:"
        " verified, stored, routed, signed, sent and recorded, every process on the same machine."
        " Times from receipt of the event to the record of its delivery, one hook.",
    )
    for kind in ("postgresql", "sqlite"):
        with opened(kind) as house, receiving() as url:
            _rates(report, kind, house, url)
        with opened(kind) as house, receiving() as url:
            _calm(report, kind, house, url)
    return report


def _rates(report: Report, kind: str, house: House, url: str) -> None:
    hook(house, url, HOOKS)
    source = house.signed("bench", None)
    _burst(house, source, 50)
    rates = [_burst(house, source, EVENTS) for _ in range(3)]
    report.add(f"{kind}: deliveries", "/s", rates, bar=2_000 if kind == "postgresql" else None)


def _burst(house: House, source: object, count: int) -> float:
    before = house.count("deliveries", state="delivered")
    requests = house.requests(source, _people(count))  # type: ignore[arg-type]
    began = time.perf_counter()
    send(house.port, requests)
    wanted = before + count * HOOKS
    over = house.until_settled(seconds=120)
    assert house.count("deliveries", state="delivered") == wanted
    return count * HOOKS / (over - began)


def _calm(report: Report, kind: str, house: House, url: str) -> None:
    hook(house, url, 1)
    source = house.signed("bench", None)
    _times(house, source, CALM, 1.0, hooks=1)  # who has just started is slower for half a second
    taken = [_times(house, source, CALM, CALM_SECONDS, hooks=1) for _ in range(3)]
    bars = (20.0, 100.0) if kind == "postgresql" else (None, None)
    for name, at in (("median", 0), ("p99", 1)):
        values = [one[at] for one in taken]
        report.add(f"{kind}: {name} at {CALM:.0f}/s", "ms", values, bar=bars[at], at_least=False)


def hook(house: House, url: str, count: int, *, path: str = "in") -> list[int]:
    """So many hooks of the forms that come in; their rows' numbers."""
    made = []
    for n in range(count):
        new = subscribe.NewHook(url=f"{url}/{path}/{n}", event="form.submitted")
        found = subscribe.subscribe(house.runtime, house.made.org, new, by="the bench")
        made.append(found.hook.id)
    return made


def _times(
    house: House, source: object, rate: float, seconds: float, *, hooks: int
) -> tuple[float, float]:  # fmt: skip
    before = house.count("deliveries", state="delivered")
    count = int(rate * seconds)
    requests = house.requests(source, _people(count))  # type: ignore[arg-type]
    send(house.port, requests, rate=rate)
    house.until_settled()
    assert house.count("deliveries", state="delivered") == before + count * hooks
    return percentiles(house, count * hooks)


def percentiles(house: House, newest: int, among: list[int] | None = None) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds, from the event's receipt to the record."""
    return _cuts(_taken(house, newest, among))


def _taken(house: House, newest: int, among: list[int] | None = None) -> list[float]:
    query = (
        select(events.c.received_at, deliveries.c.ended_at)
        .join(deliveries, deliveries.c.event_id == events.c.id)
        .where(deliveries.c.state == "delivered")
        .order_by(deliveries.c.id.desc())
        .limit(newest)
    )
    if among is not None:
        query = query.where(deliveries.c.target_id.in_(among))
    with house.runtime.db.read() as conn:
        return [(end - start).total_seconds() * 1000 for start, end in conn.execute(query)]


def _cuts(taken: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(taken, n=100)
    return cuts[49], cuts[98]


def isolation() -> Report:
    """One fifth of the hooks hang for half a minute: the others must not wait for them."""
    report = Report(
        name="isolation",
        about=f"{HOOKS} hooks, 20 events a second told to each. With all of them answering at once,"
        " and with a fifth of them answering after 30 s, which is past their time-out of 15 s, in"
        " turns. The healthy ones' 99th percentile, from receipt of the event to the record.",
    )
    with opened("postgresql") as house, receiving() as url:
        healthy = hook(house, url, HOOKS - HOOKS // 5)
        source = house.signed("bench", None)
        of_all: dict[str, list[float]] = {"well": [], "hang": []}

        def beside(path: str) -> float:
            # New ones each time: those that have hung a while are slow already, and cost less.
            others = hook(house, url, HOOKS // 5, path=path)
            _offer(house, source, healthy, LEAD_IN_SECONDS)  # the new hooks are known everywhere
            taken = _offer(house, source, healthy, ISOLATION_SECONDS)
            for id in others:
                subscribe.unsubscribe(house.runtime, house.made.org, f"hook_{id}", by="the bench")
            of_all[path] += taken
            return _cuts(taken)[1]

        for _ in range(2):  # until plans are made and connections open, the first side would pay
            beside("well")
        of_all["well"].clear()
        sides = {"well": lambda: beside("well"), "hang": lambda: beside("hang")}
        found = in_turns(sides, rounds=ISOLATION_ROUNDS)
    report.add("p99 of the healthy, all answer", "ms", found["well"])
    report.add("p99 of the healthy, a fifth hangs", "ms", found["hang"])
    # Of all rounds together: one hundredth of a single one is what happened to one event of it.
    ratio = _cuts(of_all["hang"])[1] / _cuts(of_all["well"])[1]
    report.add("times as long, all rounds", "times", [ratio], bar=2.0, at_least=False)
    return report


def _offer(house: House, source: object, healthy: list[int], seconds: float) -> list[float]:
    rate = 20.0
    count = int(rate * seconds)
    before = _delivered(house, healthy)
    send(house.port, house.requests(source, _people(count)), rate=rate)  # type: ignore[arg-type]
    wanted = before + count * len(healthy)
    wait_for(lambda: _delivered(house, healthy), wanted, seconds=60)
    return _taken(house, count * len(healthy), healthy)


def _delivered(house: House, hooks: list[int]) -> int:
    query = select(deliveries.c.id).where(
        deliveries.c.state == "delivered", deliveries.c.target_id.in_(hooks)
    )
    with house.runtime.db.read() as conn:
        return len(conn.execute(query).all())


def _people(count: int) -> list[str]:
    return [f"kim{n}@example.com" for n in range(count)]
