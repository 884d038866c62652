"""Who was promised what, and what came of it: ids on both sides, judged at the end. Pure."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message at a hook's address. `number` is the form's own, `id` the message's."""

    path: str
    number: int
    id: str
    key: str
    sequence: int
    at: float
    was_taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fared:
    """How one hook fared: what it never got, what it got under two ids, what came again under the
    same one, and the keys of which something came before its turn."""

    path: str
    lost: Sequence[int]
    doubled: Sequence[int]
    again: int
    disordered: Sequence[str]


@dataclass(slots=True)
class Ledger:
    """Written by the senders and the subscriber, from their threads."""

    acknowledged: dict[int, float] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    _taken: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, number: int, at: float) -> None:
        """A sender was answered 2xx: from now on it is our duty."""
        with self._lock:
            self.acknowledged[number] = at

    def arrive(self, arrival: Arrival) -> None:
        """A subscriber was sent something."""
        with self._lock:
            self.arrivals.append(arrival)
            if arrival.was_taken:
                self._taken[arrival.path].add(arrival.number)

    def missing(self, paths: Sequence[str]) -> int:
        """How many messages are still to come to these addresses."""
        with self._lock:
            duty = set(self.acknowledged)
            return sum(len(duty - self._taken[path]) for path in paths)

    def judge(self, path: str, *, ordered: bool = False) -> Fared:
        """What became of everything at this address."""
        ids: dict[int, Counter[str]] = defaultdict(Counter)
        mine = [one for one in self.arrivals if one.path == path]
        for one in mine:
            ids[one.number][one.id] += 1
        return Fared(
            path=path,
            lost=sorted(set(self.acknowledged) - self._taken[path]),
            doubled=sorted(number for number, found in ids.items() if len(found) > 1),
            again=sum(sum(found.values()) - 1 for found in ids.values()),
            disordered=_disordered(mine) if ordered else (),
        )

    def longest_wait(self, path: str, begin: float, end: float) -> float:
        """Of what was acknowledged in this span: the longest time until it was there."""
        first: dict[int, float] = {}
        for one in self.arrivals:
            if one.path == path:
                first.setdefault(one.number, one.at)
        waits = [
            first[number] - at
            for number, at in self.acknowledged.items()
            if begin <= at < end and number in first
        ]
        return max(waits, default=0.0)

    def silence(self, begin: float) -> float:
        """From then on: how long nobody was acknowledged."""
        return min((at for at in self.acknowledged.values() if at > begin), default=begin) - begin


def _disordered(arrivals: Sequence[Arrival]) -> list[str]:
    """The keys of which a message came before the one before it had been taken."""
    last: dict[str, int] = {}
    wrong: set[str] = set()
    for one in arrivals:
        done = last.get(one.key, 0)
        if one.sequence > done + 1:
            wrong.add(one.key)
        if one.was_taken:
            last[one.key] = max(done, one.sequence)
    return sorted(wrong)
