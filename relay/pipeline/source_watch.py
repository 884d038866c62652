"""Looks at each source once a minute: whether it refuses what comes, or nothing comes any more."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy import Connection

from relay.core.ids import public
from relay.core.rhythm import rhythm, told
from relay.pipeline.operational import Word, say
from relay.pipeline.plain import time
from relay.queue import DELIVER
from relay.runtime import Runtime
from relay.storage import source_watch as stored
from relay.storage.source_watch import Watched

EVERY = timedelta(minutes=1)
REFUSALS = 5  # within an hour, until people hear of it
AGAIN = timedelta(hours=1)
LOOKED_AT = 50  # events that say what is usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A source of which nothing comes any more: since when, and what was usual."""

    source: str
    last_at: datetime
    usual: timedelta


def sweep(runtime: Runtime) -> None:
    """Those whose minute is over."""
    now = runtime.clock.now()
    before = now - EVERY
    with runtime.db.read() as conn:
        found = [_look(conn, one, now) for one in stored.due(conn, before)]
    if not found:
        return
    wake: list[int] = []
    with runtime.db.write() as conn:
        setups = runtime.setups.of_all(conn, {one.org for one, _ in found})
        for one, words in found:
            if stored.looked(conn, one, now, before):
                for word in words:
                    wake += say(runtime, conn, setups, word, now=now)
    runtime.queue.wake(DELIVER, wake)


def silences(conn: Connection, org: int) -> list[Silence]:
    """Those of an organization that last, as the last look at its sources found them."""
    found = []
    for one in stored.once_silent(conn, org):
        latest = stored.last_events(conn, one.id, LOOKED_AT)
        usual = rhythm([at for _, at in latest], timedelta(seconds=one.longest))
        if usual is not None and latest[0][0] == one.silent_after:
            found.append(Silence(source=one.name, last_at=latest[0][1], usual=usual.usual))
    return found


def _look(conn: Connection, one: Watched, now: datetime) -> tuple[Watched, list[Word]]:
    """What is to be kept of it now, and what is to be told."""
    words = []
    latest = stored.last_events(conn, one.id, LOOKED_AT)
    newest = latest[0][1] if latest else None
    if _refuses(one, now):
        one = replace(one, refusals_told_at=now)
        reason = "deliveries did not prove to be its sender's"
        words.append(_word("source.verification_failing", one, reason, newest, one.refused))
    usual = rhythm([at for _, at in latest], timedelta(seconds=one.longest))
    if usual is None or newest is None:
        return one, words
    one = replace(one, longest=usual.longest.total_seconds())
    if usual.is_silent(now - newest) and one.silent_after != latest[0][0]:
        one = replace(one, silent_after=latest[0][0])
        reason = (
            f"nothing came for {told(now - newest)};"
            f" the usual time between two is {told(usual.usual)}"
        )
        words.append(_word("source.silent", one, reason, newest, None))
    return one, words


def _refuses(one: Watched, now: datetime) -> bool:
    """Whether it refused enough in an hour that nobody has heard of."""
    if one.hour is None or one.refused < REFUSALS or now - one.hour >= 2 * AGAIN:
        return False
    last = one.refusals_told_at
    return last is None or (last < one.hour and now - last >= AGAIN)


def _word(type: str, one: Watched, reason: str, newest: datetime | None, count: int | None) -> Word:
    return Word(
        type=type,
        org=one.org,
        about=one.name,
        page=f"/sources/{quote(one.name, safe='')}",
        reason=reason,
        data={
            "source": one.name,
            "source_id": public("src", one.id),
            "sender": one.type,
            "count": count,
            "last_event_at": None if newest is None else time(newest),
        },
    )
