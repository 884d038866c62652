"""/metrics: what all processes of this Relay count and time, in the text format of Prometheus.

Counters and times are added up in the store, so any web process tells of all; queues, breakers and
dead letters are looked up when asked. No label names an organization or an address.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from relay.core.measures import BOUND_NAMES, BUCKET, SUM, Key, Labels
from relay.pipeline import measuring
from relay.runtime import Runtime
from relay.storage import measures as stored
from relay.storage.work import Kind

_COUNTERS: Mapping[str, str] = {
    measuring.INBOUND: "Requests to inbound addresses, by sender's type and what became of them",
    measuring.DELIVERIES: "Tries at deliveries, by what came of them and which try it was",
    measuring.RESCUED: "Events that were stored and never woken for: the broker lost something",
}
_TIMES: Mapping[str, str] = {
    measuring.ACCEPT: "From a request's arrival to its commit",
    measuring.DELIVERY: "From a try's start to its answer",
    measuring.LAG: "From when a delivery was due to its try's start, by lane",
}


def text(runtime: Runtime) -> bytes:
    """The page."""
    measuring.keep(runtime)
    registry = CollectorRegistry()
    with runtime.db.read() as conn:
        now = runtime.clock.now()
        registry.register(_Families([*_counted(stored.total(conn)), *_looked_up(conn, now)]))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _counted(found: Mapping[Key, float]) -> Iterator[Metric]:
    for name, about in _COUNTERS.items():
        family = CounterMetricFamily(name, about)
        mine = {labels: value for (called, labels), value in found.items() if called == name}
        for labels, value in (mine or ({} if _has_labels(name) else {(): 0.0})).items():
            family.add_sample(f"{name}_total", dict(labels), value)
        yield family
    for name, about in _TIMES.items():
        yield _histogram(name, about, found)


def _has_labels(name: str) -> bool:
    return name != measuring.RESCUED


def _histogram(name: str, about: str, found: Mapping[Key, float]) -> Metric:
    counts: dict[Labels, dict[str, float]] = defaultdict(dict)
    for (called, labels), value in found.items():
        if called == name + BUCKET:
            counts[labels[:-1]][labels[-1][1]] = value
    family = HistogramMetricFamily(name, about)
    for labels, buckets in sorted(counts.items()):
        so_far = 0.0
        for bound in BOUND_NAMES:
            so_far += buckets.get(bound, 0.0)
            family.add_sample(f"{name}_bucket", {**dict(labels), "le": bound}, so_far)
        family.add_sample(f"{name}_count", dict(labels), so_far)
        family.add_sample(f"{name}_sum", dict(labels), found.get((name + SUM, labels), 0.0))
    return family


def _looked_up(conn: Connection, now: datetime) -> Iterator[Metric]:
    depth = GaugeMetricFamily("queue_depth", "Work that waits, by lane and state",
                              labels=["lane", "state"])  # fmt: skip
    oldest = GaugeMetricFamily("oldest_due_age_seconds", "Since when the oldest is due",
                               labels=["lane"])  # fmt: skip
    in_flight = 0
    for row in stored.queues(conn, now):
        lane = _lane(row.kind, row.lane)
        for state, count in (("due", row.due), ("held", row.held),
                             ("later", row.all - row.due - row.held)):  # fmt: skip
            depth.add_metric([lane, state], count)
        age = 0.0 if row.oldest is None else (now - row.oldest).total_seconds()
        oldest.add_metric([lane], max(age, 0.0))
        in_flight += row.held if row.kind == Kind.DELIVERY else 0
    yield from (depth, oldest)
    breaker = GaugeMetricFamily("breaker_state", "Hooks by the state of their breaker",
                                labels=["state"])  # fmt: skip
    for state, count in stored.breakers(conn, now).items():
        breaker.add_metric([state], count)
    yield breaker
    yield GaugeMetricFamily("endpoint_inflight", "Deliveries in flight", value=in_flight)
    dead = stored.dead_letters(conn)
    yield GaugeMetricFamily("dead_letters", "What waits for an operator", value=dead)


def _lane(kind: int, lane: int) -> str:
    if kind == Kind.DELIVERY:
        return f"delivery_{measuring.LANES[lane]}"
    return Kind(kind).name.lower()
