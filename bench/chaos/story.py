"""One run: a whole Relay under load, one fault after another, and then the reckoning."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from bench.chaos.faults import FLUSHED, faults
from bench.chaos.ledger import Fared, Ledger
from bench.chaos.senders import Senders
from bench.chaos.subscriber import MOODS, subscribing
from bench.house import House, running
from relay.pipeline import subscribe
from relay.storage.tables.crm import contact_emails, stream_entries
from relay.storage.tables.deliveries import deliveries

PEOPLE = 150
# Seconds after the last form: what a killed worker had in flight is another's when its lease of a
# minute ends, and that one may be killed as well.
DRAINED_WITHIN = 130.0
FLUSHED_WITHIN = 60.0
BEFORE = 2.0  # seconds: what was acknowledged so shortly before a fault was under way then
PATIENCE = 150.0
# Soon again, and often: the run is short, and the schedule has its own tests.
SCHEDULE = [1.0] * 20
MAPPING = {
    "event": "form.submitted",
    "email": "${event.data.email}",
    "list": "Leads",
    "fields": {"account_name": "${event.data.company}"},
    "stream": {"subject": "chaos", "body": "${event.data.company}"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A fault: when; how long after it nobody was acknowledged; and how long the slowest of what
    was under way then, or came before the next fault, was on its way to the steady subscriber."""

    fault: str
    at: float
    silence: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run. `effects` says what is wrong in the CRM; nothing is best."""

    store: str
    seed: int
    acknowledged: int
    asked_again: int
    struck: Sequence[Struck]
    hooks: Sequence[Fared]
    effects: Sequence[str]
    drained: float
    unfinished: Mapping[str, int]

    @property
    def lost(self) -> int:
        return sum(len(one.lost) for one in self.hooks)

    @property
    def doubled(self) -> int:
        return sum(len(one.doubled) for one in self.hooks)

    @property
    def disordered(self) -> int:
        return sum(len(one.disordered) for one in self.hooks)

    @property
    def flushed(self) -> float:
        """How long the longest was on its way when the broker had forgotten everything."""
        return next(one.longest for one in self.struck if one.fault == FLUSHED)

    @property
    def ok(self) -> bool:
        wrong = self.lost + self.doubled + self.disordered + len(self.unfinished)
        in_time = self.drained <= DRAINED_WITHIN and self.flushed <= FLUSHED_WITHIN
        return wrong + len(self.effects) == 0 and self.acknowledged > 0 and in_time

    @property
    def again(self) -> int:
        return sum(one.again for one in self.hooks)


def play(kind: str, *, rate: float, seconds: float, seed: int) -> Outcome:
    """Load for so many seconds, every fault once at a moment of its own."""
    ledger = Ledger()
    with running(kind) as (house, settings), subscribing(ledger, seed) as subscriber:
        for path in MOODS:
            _hook(house, f"{subscriber.url}/{path}", ordered=path == "ordered")
        source = house.signed("chaos", MAPPING)
        senders = Senders(
            ledger, port=house.port, path=f"/in/webhook/{source.token}",
            secrets=source.config(house.runtime.clock.now()).secrets,
            rate=rate, seconds=seconds, people=PEOPLE, seed=seed,
        )  # fmt: skip
        chance = random.Random(seed)
        plan = list(faults(settings, house.runtime.db, subscriber).items())
        chance.shuffle(plan)
        began = time.monotonic()
        senders.start()
        moments = []
        for number, (name, strike) in enumerate(plan):
            moment = began + seconds * (number + chance.uniform(0.3, 0.7)) / len(plan)
            threading.Event().wait(max(0.0, moment - time.monotonic()))
            print(f"  {time.monotonic() - began:5.1f} s  {name}", flush=True)
            moments.append((name, time.monotonic()))
            strike()
        senders.join()
        over = time.monotonic()
        # A probe that fails keeps a breaker open for twice as long, which is not what is asked.
        subscriber.is_moody = False
        # Connections of our own that a fault has cut.
        house.runtime.db.engine.dispose()
        _rest(lambda: ledger.missing(list(MOODS)) == 0 and house.settled())
        drained = time.monotonic() - over
        with house.runtime.db.read() as conn:
            effects, unfinished = _effects(conn, ledger), _unfinished(conn)
    return Outcome(
        store=kind,
        seed=seed,
        acknowledged=len(ledger.acknowledged),
        asked_again=senders.again,
        struck=_struck(ledger, began, moments),
        hooks=[ledger.judge(path, ordered=path == "ordered") for path in MOODS],
        effects=effects,
        drained=drained,
        unfinished=unfinished,
    )


def _hook(house: House, url: str, *, ordered: bool) -> None:
    new = subscribe.NewHook(
        url=url, event="form.submitted", schedule=SCHEDULE, timeout=2.0, max_in_flight=20,
        ordering="key" if ordered else "none",
    )  # fmt: skip
    subscribe.subscribe(house.runtime, house.made.org, new, by="chaos")


def _rest(is_over: Callable[[], bool]) -> None:
    """Waits for the end; what has not ended after long is counted."""
    deadline = time.monotonic() + PATIENCE
    while not is_over() and time.monotonic() < deadline:
        threading.Event().wait(0.1)


def _struck(ledger: Ledger, began: float, moments: Sequence[tuple[str, float]]) -> list[Struck]:
    ends = [at - BEFORE for _, at in moments[1:]] + [float("inf")]
    return [
        Struck(
            fault=name,
            at=at - began,
            silence=ledger.silence(at),
            longest=ledger.longest_wait("steady", at - BEFORE, end),
        )
        for (name, at), end in zip(moments, ends, strict=True)
    ]


def _effects(conn: Connection, ledger: Ledger) -> list[str]:
    """Each form told the Stream once, and each person is there once."""
    told = Counter(conn.execute(select(stream_entries.c.body)).scalars())
    wrong = [
        f"form {number}: {told[str(number)]} entries in the Stream"
        for number in ledger.acknowledged
        if told[str(number)] != 1
    ]
    people = Counter(conn.execute(select(contact_emails.c.email_lower)).scalars())
    return wrong + [
        f"{email}: {count} contacts"
        for email, count in people.items()
        if email.startswith("kim") and count != 1
    ]


def _unfinished(conn: Connection) -> dict[str, int]:
    """Deliveries that did not end as delivered: how many of each state and reason."""
    query = select(deliveries.c.state, deliveries.c.reason).where(deliveries.c.state != "delivered")
    return dict(Counter(f"{row.state}: {row.reason}" for row in conn.execute(query)))
