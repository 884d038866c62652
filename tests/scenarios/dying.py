"""Workers that die with work in hand, as the store sees them: no process has to be killed for each
death."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

from sqlalchemy import update

from relay import births
from relay.core.errors import RelayError
from relay.http import Client
from relay.integration import Output
from relay.pipeline import act
from relay.pipeline.execution import Execution
from relay.pipeline.route import route
from relay.storage import holders, work
from relay.storage.tables.work import work as waiting
from relay.storage.work import Kind
from tests.scenarios.house import House


@dataclass
class Dying:
    """A house, and the number of a process that is no more."""

    house: House
    pid: int
    born: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def token(self) -> int:
        """Of one more worker that is dead by now."""
        runtime = self.house.runtime
        with runtime.db.write() as conn:
            at = runtime.clock.now()
            id = holders.register(conn, births.machine(), self.pid, self.born, at)
        return holders.token(id, next(self.numbers))

    def dies_with(self, kind: Kind, *ids: int) -> None:
        """A worker that had these in hand is dead, and others notice."""
        until = self.house.runtime.clock.now() + timedelta(minutes=1)
        mine = (waiting.c.kind == int(kind), waiting.c.id.in_(ids))
        leased = {"token": self.token(), "lease_until": until}
        with self.house.runtime.db.write() as conn:
            conn.execute(update(waiting).where(*mine).values(**leased))
        self.house.engine.release()

    def three_die_with(self, kind: Kind, *ids: int) -> None:
        """And what it may have sent to a provider has been carried out by now."""
        for _ in range(3):
            self.dies_with(kind, *ids)
        self.house.later()
        self.house.engine.release()

    def routes(self, *events: int) -> list[Execution]:
        """A worker routes events, and gets no further: its calls, which it has not made."""
        db, token = self.house.runtime.db, self.token()
        leases = work.claim(db, Kind.EVENT, events, seconds=60.0, token=token)
        routed = list(route(self.house.runtime, leases, token))
        return [call for one in routed for call in one.settled.calls]

    def sends(self, execution: Execution) -> Output | RelayError:
        """It makes a call, and never writes down what came of it."""
        return asyncio.run(self._sends(execution))

    async def _sends(self, execution: Execution) -> Output | RelayError:
        runtime = self.house.runtime
        http = Client(clock=runtime.clock, turns=runtime.http.turns)
        try:
            outcome = await act.perform(replace(runtime, http=http), execution)
        finally:
            await http.aclose()
        return outcome.result


def dying(house: House) -> Dying:
    """In a house of one's own or of others."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    born = births.birth(process.pid)
    process.kill()
    process.communicate()
    return Dying(house, process.pid, born)
