"""Two workers that write down how the same hooks fare."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from relay.core.ids import number
from relay.pipeline import faring
from relay.pipeline.trip import Trip
from relay.pipeline.verdict import Verdict
from relay.storage.deliveries import DeliveryRow
from relay.storage.sends import FIRST, Sending
from tests.hooks.hooked import Hooked, open_hooked
from tests.hooks.receiver import Receiver
from tests.stores import PostgreSQL

TIMES = 40


def trip(hooked: Hooked, hook: str) -> Trip:
    """A delivery to it that has come back."""
    runtime, org = hooked.house.runtime, hooked.house.made.org
    now = runtime.clock.now()
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, org)
    id = number("hook", hook)
    lease = Sending(id=id, org=org, okey=None, attempts=1, target=id, lane=FIRST, token=1)
    row = DeliveryRow(
        id=id, org=org, target_kind="hook", target_id=id, message_id="evt_1", type="a.b",
        url="", headers={}, body=b"", state="pending", attempts=0, created_at=now, next_at=None,
    )  # fmt: skip
    return Trip(lease=lease, row=row, setup=setup, secrets=(), hook=setup.hooks.by_id[id])


def test_recorders_of_the_same_hooks_do_not_wait_for_each_other_for_ever(
    postgresql: PostgreSQL, tmp_path: Path, receiver: Receiver
) -> None:
    """One saw the first hook succeed and the second fail, the other the reverse: each held what
    the other was waiting for."""
    with open_hooked(postgresql, tmp_path, receiver) as hooked:
        made = [hooked.subscribe(path=f"/{n}")["id"] for n in range(2)]
        one, other = (trip(hooked, hook) for hook in made)
        good, bad = Verdict(state="delivered"), Verdict(state="failed")
        runtime, begin = hooked.house.runtime, threading.Barrier(2)

        def record(first: Verdict, second: Verdict) -> None:
            for _ in range(TIMES):
                begin.wait(10)
                with runtime.db.write() as conn:
                    tried = [(one, first), (other, second)]
                    faring.note(runtime, conn, tried, now=runtime.clock.now())

        with ThreadPoolExecutor(2) as both:
            for done in (both.submit(record, good, bad), both.submit(record, bad, good)):
                done.result()
