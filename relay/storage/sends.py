"""Claims of deliveries: by ids, by keys that are free again, or from the backlog, lane by lane.

Unlike other work a delivery calls somebody, so a claim takes only what may be called now: nothing
for a target that has no room (`:skip`), at most `room` for one that takes more or less than `each`
(`:targets`, `:rooms`), and of an ordering key the head alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import orjson
from sqlalchemy import Connection, TextClause, select, text

from relay.storage.database import Database
from relay.storage.deliveries import DeliveryRow
from relay.storage.statements import LITE_FREE, LITE_NOW, PG_FREE
from relay.storage.tables.work import work
from relay.storage.work import Kind

CHUNK = 128
FIRST, LATER, BULK, BY_HAND = range(4)  # the lanes of deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A claimed delivery, until somebody else's token stands in its row; `attempts` counts this
    claim too."""

    id: int
    org: int
    okey: int | None
    attempts: int
    target: int
    lane: int
    token: int
    # What is to be sent, where who wrote it still has it at hand.
    row: DeliveryRow | None = field(default=None, compare=False, repr=False)

    @property
    def is_manual(self) -> bool:
        """Sent because a person asked for it: one try, outside of the schedule."""
        return self.lane in (BULK, BY_HAND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many may be taken: in all, for each target by default, and for those that differ."""

    total: int = CHUNK
    each: int = CHUNK
    rooms: Mapping[int, int] = field(default_factory=dict)


def claim(
    db: Database, ids: Sequence[int], room: Room, *, seconds: float, token: int
) -> list[Sending]:
    """Leases those of `ids` that are due, free, first of their key and have room."""
    return _take(db, "claim", room, seconds, token, ids=_list(db, ids))


def heads(
    db: Database, keys: Sequence[int], room: Room, *, seconds: float, token: int
) -> list[Sending]:
    """Leases what waited behind finished keys. Call it after the commit."""
    return _take(db, "heads", room, seconds, token, keys=_list(db, keys)) if keys else []


def backlog(db: Database, lane: int, room: Room, *, seconds: float, token: int) -> list[Sending]:
    """Leases what is due in this lane, a little of each target, the longest waiting first."""
    return _take(db, "backlog", room, seconds, token, lane=lane)


def lanes(db: Database, targets: Sequence[int]) -> set[int]:
    """Those in which something that is due and free waits for one of these targets."""
    if not targets:
        return set()
    with db.looks() as conn:
        given = {"kind": int(Kind.DELIVERY), "targets": _list(db, targets)}
        return set(conn.execute(_clause(db.dialect, "lanes"), given).scalars())


def overdue(db: Database, lane: int, *, limit: int, grace: float) -> list[int]:
    """What the sweep wakes in one lane; of each target no more than its turn."""
    with db.read() as conn:
        found = conn.execute(
            _clause(db.dialect, "overdue"),
            {"kind": int(Kind.DELIVERY), "lane": lane, "limit": limit, "seconds": grace},
        )
        return [row.id for row in found]


def finish(db: Database, conn: Connection, leases: Sequence[Sending]) -> set[Sending]:
    """Takes away the rows that the leases still hold, and gives those leases. The first statement
    of every record: who wakes after his lease has ended changes nothing."""
    return _held(db, conn, "finish", leases)


def hold(
    db: Database, conn: Connection, leases: Sequence[Sending], *, seconds: float
) -> set[Sending]:  # fmt: skip
    """Those of the leases that still hold their rows, locked until the commit and lengthened."""
    return _held(db, conn, "hold", leases, seconds=seconds)


def release(db: Database, conn: Connection, leases: Sequence[Sending]) -> None:
    """Lets go of rows that were claimed and not tried; they are due at once."""
    if leases:
        conn.execute(
            _clause(db.dialect, "release"), {"kind": int(Kind.DELIVERY), "given": _pairs(leases)}
        )


def forget(db: Database, conn: Connection, target: int, *, but: Sequence[int] = ()) -> list[int]:
    """Takes away what waits for a target, and gives its ids; what is in flight may finish."""
    given = {"kind": int(Kind.DELIVERY), "target": target, "but": _list(db, but)}
    return [row.id for row in conn.execute(_clause(db.dialect, "forget"), given)]


def lane_of(conn: Connection, id: int) -> int | None:
    """Where a delivery waits; None: nowhere."""
    mine = (work.c.kind == int(Kind.DELIVERY), work.c.id == id)
    return conn.execute(select(work.c.lane).where(*mine)).scalar_one_or_none()


def hasten(db: Database, conn: Connection, id: int, *, lane: int) -> bool:
    """Makes a waiting row due now, in another lane; whether there was one."""
    given = {"kind": int(Kind.DELIVERY), "id": id, "lane": lane}
    return conn.execute(_clause(db.dialect, "hasten"), given).first() is not None


def drop(db: Database, conn: Connection, ids: Sequence[int]) -> list[int]:
    """Takes away those of the rows that are not in flight, and gives their ids."""
    given = {"kind": int(Kind.DELIVERY), "ids": _list(db, ids)}
    return [row.id for row in conn.execute(_clause(db.dialect, "drop"), given)]


def again(
    db: Database, conn: Connection, waits: Mapping[Sending, float], *, lane: int
) -> None:  # fmt: skip
    """Makes rows due again, each after its seconds."""
    if waits:
        conn.execute(
            _clause(db.dialect, "again"),
            [
                {"kind": int(Kind.DELIVERY), "id": one.id, "seconds": wait, "token": one.token,
                 "lane": lane}
                for one, wait in waits.items()
            ],
        )  # fmt: skip


def _held(
    db: Database, conn: Connection, name: str, leases: Sequence[Sending], **given: object
) -> set[Sending]:
    if not leases:
        return set()
    found = conn.execute(
        _clause(db.dialect, name), {"kind": int(Kind.DELIVERY), "given": _pairs(leases), **given}
    )
    held = {(row.id, row.token) for row in found}
    return {one for one in leases if (one.id, one.token) in held}


def _take(
    db: Database, name: str, room: Room, seconds: float, token: int, **given: object
) -> list[Sending]:
    if room.total <= 0:
        return []
    rooms = {target: count for target, count in room.rooms.items() if count != room.each}
    values = {
        "kind": int(Kind.DELIVERY),
        "limit": min(room.total, CHUNK),
        "each": room.each,
        "targets": _list(db, list(rooms)),
        "rooms": _list(db, list(rooms.values())),
        "most": max([0, *rooms.values()]),
        "skip": _list(db, [target for target, count in rooms.items() if count <= 0]),
        "seconds": seconds,
        "token": token,
        **given,
    }
    with db.claims() as conn:
        rows = conn.execute(_clause(db.dialect, name), values).all()
    found = [
        Sending(id=r.id, org=r.org_id, okey=r.okey, attempts=r.attempts, target=r.target or 0,
                lane=r.lane, token=token)
        for r in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.id)


@cache
def _clause(dialect: str, name: str) -> TextClause:
    # To look for the parameters in a long text costs as much as to run it.
    return text((_SQLITE if dialect == "sqlite" else _POSTGRESQL)[name])


def _list(db: Database, values: Sequence[int]) -> str | list[int]:
    return json.dumps(list(values)) if db.dialect == "sqlite" else list(values)


def _pairs(leases: Sequence[Sending]) -> str:
    return orjson.dumps([(one.id, one.token) for one in leases]).decode()


_PG_HEAD = """(c.okey IS NULL OR NOT EXISTS (
    SELECT 1 FROM work p WHERE p.kind = c.kind AND p.okey = c.okey AND p.id < c.id))"""
_PG_ROOMS = "unnest(CAST(:targets AS bigint[]), CAST(:rooms AS int[])) AS r(target, room)"
_PG_TAKE = f""",
numbered AS (SELECT c.id, c.target, row_number() OVER (PARTITION BY c.target ORDER BY c.id) AS n
    FROM c),
taken AS (SELECT n.id FROM numbered n
    LEFT JOIN {_PG_ROOMS} ON r.target = n.target
    WHERE n.n <= coalesce(r.room, :each) ORDER BY n.id LIMIT :limit)
UPDATE work w SET lease_until = now() + :seconds * interval '1 second', token = :token,
    attempts = w.attempts + 1
FROM taken WHERE w.kind = :kind AND w.id = taken.id
RETURNING w.id, w.org_id, w.okey, w.attempts, w.target, w.lane"""
_PG_ROOM = "(c.target IS NULL OR c.target <> ALL (CAST(:skip AS bigint[])))"
_PG_FREE = PG_FREE.replace("due_at", "c.due_at").replace("lease_until", "c.lease_until")

# Ids by their own, so that the rows are found by the index.
_PG_HELD = """w.kind = :kind AND w.id = ANY(ARRAY(SELECT id FROM given))
AND EXISTS (SELECT 1 FROM given g WHERE g.id = w.id AND g.token = w.token)"""
_PG_GIVEN = """
WITH given AS MATERIALIZED (SELECT CAST(v ->> 0 AS bigint) AS id, CAST(v ->> 1 AS bigint) AS token
    FROM json_array_elements(CAST(:given AS json)) AS v)"""

# Each target's turn is looked up by itself, from one target to the next along the index, so that
# ten thousand rows of one target are not read to find the one of another behind them.
_PG_TARGETS = """
WITH RECURSIVE t AS (
    (SELECT target FROM work WHERE kind = :kind AND lane = :lane AND target IS NOT NULL
     ORDER BY target LIMIT 1)
    UNION ALL
    SELECT n.target FROM t CROSS JOIN LATERAL (
        SELECT w.target FROM work w WHERE w.kind = :kind AND w.lane = :lane
        AND w.target IS NOT NULL AND w.target > t.target ORDER BY w.target LIMIT 1) n
)"""

_POSTGRESQL: Mapping[str, str] = {
    "claim": f"""
WITH c AS MATERIALIZED (
    SELECT c.id, c.target FROM work c WHERE c.kind = :kind AND c.id = ANY(:ids) AND {_PG_FREE}
    AND {_PG_ROOM} AND {_PG_HEAD} ORDER BY c.id FOR UPDATE SKIP LOCKED){_PG_TAKE}""",
    "heads": f"""
WITH c AS MATERIALIZED (
    SELECT c.id, c.target FROM work c WHERE c.kind = :kind AND c.okey = ANY(:keys) AND {_PG_FREE}
    AND {_PG_ROOM} AND {_PG_HEAD} ORDER BY c.id FOR UPDATE SKIP LOCKED){_PG_TAKE}""",
    "backlog": f"""{_PG_TARGETS},
turns AS (SELECT x.id, x.due_at FROM t CROSS JOIN LATERAL (
    SELECT c.id, c.due_at FROM work c WHERE c.kind = :kind AND c.lane = :lane
    AND c.target = t.target AND {_PG_FREE} AND {_PG_HEAD} ORDER BY c.due_at, c.id
    LIMIT coalesce((SELECT r.room FROM {_PG_ROOMS} WHERE r.target = t.target), :each)) x
    WHERE t.target <> ALL (CAST(:skip AS bigint[])) ORDER BY x.due_at, x.id LIMIT :limit),
c AS MATERIALIZED (
    SELECT c.id, c.target FROM work c WHERE c.kind = :kind
    AND c.id = ANY(ARRAY(SELECT id FROM turns)) AND {_PG_FREE} FOR UPDATE SKIP LOCKED){_PG_TAKE}""",
    "lanes": f"""
SELECT l.lane FROM (VALUES ({FIRST}), ({LATER}), ({BULK}), ({BY_HAND})) AS l(lane)
WHERE EXISTS (SELECT 1 FROM work WHERE kind = :kind AND work.lane = l.lane
    AND target = ANY(:targets) AND {PG_FREE})""",
    "overdue": f"""{_PG_TARGETS}
SELECT x.id FROM t CROSS JOIN LATERAL (
    SELECT c.id, c.due_at FROM work c WHERE c.kind = :kind AND c.lane = :lane
    AND c.target = t.target AND {_PG_FREE} AND c.due_at <= now() - :seconds * interval '1 second'
    AND {_PG_HEAD} ORDER BY c.due_at, c.id LIMIT least(256, :limit)) x
ORDER BY x.due_at, x.id LIMIT :limit""",
    "finish": f"{_PG_GIVEN}\nDELETE FROM work w WHERE {_PG_HELD} RETURNING w.id, w.token",
    "hold": f"""{_PG_GIVEN}
UPDATE work w SET lease_until = now() + :seconds * interval '1 second' WHERE {_PG_HELD}
RETURNING w.id, w.token""",
    "release": f"""{_PG_GIVEN}
UPDATE work w SET lease_until = NULL, token = NULL, attempts = attempts - 1 WHERE {_PG_HELD}""",
    "hasten": """
UPDATE work SET due_at = now(), lane = :lane
WHERE kind = :kind AND id = :id RETURNING id""",
    "drop": """
DELETE FROM work WHERE kind = :kind AND id = ANY(:ids)
AND (lease_until IS NULL OR lease_until <= now()) RETURNING id""",
    "forget": """
DELETE FROM work c WHERE c.kind = :kind AND c.target = :target
AND (c.lease_until IS NULL OR c.lease_until <= now()) AND c.id <> ALL (CAST(:but AS bigint[]))
RETURNING c.id""",
    "again": """
UPDATE work SET due_at = now() + :seconds * interval '1 second', lease_until = NULL, token = NULL,
    lane = :lane, deaths = 0
WHERE kind = :kind AND id = :id AND token = :token""",
}

_LITE_HEAD = _PG_HEAD
_LITE_ROOMS = """(SELECT a.value AS target, b.value AS room FROM json_each(:targets) a
        JOIN json_each(:rooms) b ON b.key = a.key)"""
_LITE_TAKE = f""",
numbered AS (SELECT c.id, c.target, row_number() OVER (PARTITION BY c.target ORDER BY c.id) AS n
    FROM c),
taken AS (SELECT n.id FROM numbered n
    LEFT JOIN {_LITE_ROOMS} r ON r.target = n.target
    WHERE n.n <= coalesce(r.room, :each) ORDER BY n.id LIMIT :limit)
UPDATE work SET lease_until = {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER), token = :token,
    attempts = attempts + 1
WHERE kind = :kind AND id IN (SELECT id FROM taken)
RETURNING id, org_id, okey, attempts, target, lane"""
_LITE_ROOM = "(c.target IS NULL OR c.target NOT IN (SELECT value FROM json_each(:skip)))"
_LITE_HELD = """kind = :kind
AND id IN (SELECT json_extract(value, '$[0]') FROM json_each(:given)) AND (id, token) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:given))"""
# Along the index: with more than one lane, or two columns compared at once, it would be read whole.
_LITE_TARGETS = """
WITH RECURSIVE t(target) AS (
    SELECT * FROM (SELECT target FROM work
        WHERE kind = :kind AND lane = :lane AND target IS NOT NULL ORDER BY target LIMIT 1)
    UNION ALL
    SELECT (SELECT w.target FROM work w WHERE w.kind = :kind AND w.lane = :lane
        AND w.target IS NOT NULL AND w.target > t.target ORDER BY w.target LIMIT 1)
    FROM t WHERE t.target IS NOT NULL
)"""


def _lite_turns(among: str, most: str, more: str = "") -> str:
    # SQLite has no LATERAL; a table-valued function may look at the row before it. CROSS JOIN
    # keeps the order as written: else the whole backlog is read in order of `due_at`.
    return f"""SELECT w.id, w.due_at FROM {among} t CROSS JOIN json_each((
    SELECT json_group_array(x.id) FROM (
        SELECT c.id FROM work c WHERE c.kind = :kind AND c.target IS NOT NULL
        AND c.lane = :lane AND c.target = t.target AND {LITE_FREE} {more} AND {_LITE_HEAD}
        ORDER BY c.due_at, c.id LIMIT {most}) x)) j
    CROSS JOIN work w ON w.kind = :kind AND w.id = j.value"""


_SQLITE: Mapping[str, str] = {
    "claim": f"""
WITH c AS MATERIALIZED (
    SELECT c.id, c.target FROM work c
    WHERE c.kind = :kind AND c.id IN (SELECT value FROM json_each(:ids)) AND {LITE_FREE}
    AND {_LITE_ROOM} AND {_LITE_HEAD}){_LITE_TAKE}""",
    "heads": f"""
WITH c AS MATERIALIZED (
    SELECT c.id, c.target FROM work c
    WHERE c.kind = :kind AND c.okey IN (SELECT value FROM json_each(:keys)) AND {LITE_FREE}
    AND {_LITE_ROOM} AND {_LITE_HEAD}){_LITE_TAKE}""",
    # No LIMIT of its own for each target either.
    "backlog": f"""{_LITE_TARGETS},
turns AS (SELECT * FROM (
    {_lite_turns("t", ":each")}
    WHERE t.target NOT IN (SELECT value FROM json_each(:targets))
    UNION ALL
    {_lite_turns(_LITE_ROOMS, ":most")}
    WHERE t.room > 0 AND j.key < t.room) ORDER BY +due_at LIMIT :limit),
c AS MATERIALIZED (SELECT c.id, c.target FROM work c WHERE c.kind = :kind
    AND c.id IN (SELECT id FROM turns)){_LITE_TAKE}""",
    "lanes": f"""
SELECT l.value FROM json_each('[{FIRST},{LATER},{BULK},{BY_HAND}]') l
WHERE EXISTS (SELECT 1 FROM work c WHERE c.kind = :kind AND c.lane = l.value
    AND c.target IS NOT NULL AND c.target IN (SELECT value FROM json_each(:targets))
    AND {LITE_FREE})""",
    "overdue": f"""{_LITE_TARGETS},
turns AS ({
        _lite_turns(
            "t",
            "min(256, :limit)",
            f"AND c.due_at <= {LITE_NOW} - CAST(:seconds * 1000000 AS INTEGER)",
        )
    })
SELECT id FROM turns ORDER BY due_at, id LIMIT :limit""",
    "finish": f"DELETE FROM work WHERE {_LITE_HELD} RETURNING id, token",
    "hold": f"""
UPDATE work SET lease_until = {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER) WHERE {_LITE_HELD}
RETURNING id, token""",
    "release": f"""
UPDATE work SET lease_until = NULL, token = NULL, attempts = attempts - 1 WHERE {_LITE_HELD}""",
    "hasten": f"""
UPDATE work SET due_at = {LITE_NOW}, lane = :lane
WHERE kind = :kind AND id = :id RETURNING id""",
    "drop": f"""
DELETE FROM work WHERE kind = :kind AND id IN (SELECT value FROM json_each(:ids))
AND (lease_until IS NULL OR lease_until <= {LITE_NOW}) RETURNING id""",
    "forget": f"""
DELETE FROM work WHERE kind = :kind AND target = :target
AND (lease_until IS NULL OR lease_until <= {LITE_NOW})
AND id NOT IN (SELECT value FROM json_each(:but)) RETURNING id""",
    "again": f"""
UPDATE work SET due_at = {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER), lease_until = NULL,
    token = NULL, lane = :lane, deaths = 0
WHERE kind = :kind AND id = :id AND token = :token""",
}
