"""Reads a list of a CRM elsewhere: what changed since a time, or every item. Stores nothing.

Changes are read in the order of modification, each page from the last one's time, so that an item
which is changed while we read is met again further on. A pass over every item goes by the order of
creation; each page begins before the end of the last one, and has to meet it again, because items
that are removed meanwhile move the others forward.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from relay.core.clock import Clock
from relay.core.errors import RetryableError
from relay.crm.moments import milliseconds
from relay.crm.remote import Client
from relay.crm.remote.client import PAGE, Wire
from relay.crm.remote.reading import number
from relay.storage.watch import Cursor

# Changes may come to light out of order, on a server whose clock differs or behind a long commit.
OVERLAP_MS = 30_000
# While we write there, the newest changes are left to the next look: they may be ours.
YOUNG_MS = 2_000
# Without its clock we only know that the CRM's is near ours.
SKEW = timedelta(minutes=10)
RESTARTS = 3  # of one pass, in one look
LAP = 20  # items that two pages of a pass have in common


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A page, when it was asked for and told (by our clock), and how far the list is read then."""

    objects: Sequence[Wire]
    asked_ms: int
    told_ms: int
    cursor: Cursor
    young_ms: int | None = None  # modified from here on: perhaps ours


async def changes(client: Client, clock: Clock, cursor: Cursor) -> AsyncIterator[Look]:
    """Pages of what was modified since the cursor, and a little before it."""
    since, start = max(cursor.cursor_ms - OVERLAP_MS, 0), 0
    while True:
        asked = milliseconds(clock.now())
        page = await client.items_page(cursor.list_id, start=start, since_ms=since)
        told = milliseconds(clock.now())
        times = [number(one.get("modifiedDate")) for one in page.objects]
        theirs = page.at_ms if page.at_ms is not None else told
        # A time from the future must not carry the cursor over what is still to come.
        reached = min(max(times, default=cursor.cursor_ms), theirs)
        cursor = replace(cursor, cursor_ms=max(cursor.cursor_ms, reached))
        young = None if page.at_ms is None else page.at_ms - YOUNG_MS
        yield Look(
            objects=page.objects, asked_ms=asked, told_ms=told, cursor=cursor, young_ms=young
        )
        if len(page.objects) < PAGE:
            return
        if times == sorted(times) and times[-1] > since:
            since, start = times[-1], 0
        else:
            # More of one time than a page holds: on by number.
            start += PAGE - LAP


async def everything(client: Client, clock: Clock, cursor: Cursor) -> AsyncIterator[Look]:
    """Pages of the whole list, from where the pass stopped. With the last one it ends: there is no
    `pass_start`, and after the first pass, which is the baseline, items made later are new."""
    restarts = 0
    while True:
        begun = cursor.pass_start or 0
        start = max(begun - LAP, 0)
        asked = milliseconds(clock.now())
        page = await client.items_page(cursor.list_id, start=start)
        told = milliseconds(clock.now())
        ids = [str(one.get("id")) for one in page.objects]
        if begun and not set(ids) & set(cursor.tail):
            # So many were removed that the pages no longer meet: the pass begins again.
            restarts += 1
            if restarts > RESTARTS:
                raise RetryableError("the list changes faster than it can be read")
            cursor = replace(cursor, pass_start=0, tail=())
            continue
        is_baseline = cursor.since_ms is None
        if is_baseline and not cursor.cursor_ms:
            theirs = page.at_ms
            now = milliseconds(clock.now() - SKEW) if theirs is None else theirs
            cursor = replace(cursor, cursor_ms=now)
        newest = max(cursor.newest_ms, *(number(one.get("createdDate")) for one in page.objects), 0)
        done = len(page.objects) < PAGE
        cursor = replace(
            cursor,
            newest_ms=newest,
            since_ms=newest + 1 if done and is_baseline else cursor.since_ms,
            passed_at=clock.now() if done else cursor.passed_at,
            pass_start=None if done else start + len(ids),
            tail=() if done else ids[-LAP:],
        )
        young = None if is_baseline or page.at_ms is None else page.at_ms - YOUNG_MS
        yield Look(
            objects=page.objects, asked_ms=asked, told_ms=told, cursor=cursor, young_ms=young
        )
        if done:
            return
