"""Work that workers died with. Whose fault it was nobody knows at first: what a dead worker had in
hand is claimed again one by one, and what several have died with, one after the other, is given up.

The count is of deaths in a row: whoever lays a row down in order clears it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import TextClause, text

from relay.storage.database import Database
from relay.storage.sends import Sending
from relay.storage.statements import LITE_DUE, LITE_NOW, LITE_OLDER, PG_DUE, PG_OLDER
from relay.storage.work import Kind, Lease

MOST = 3
_LOOKED_AT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A row of `work` that `deaths` workers in a row have died with."""

    kind: Kind
    id: int
    org: int
    okey: int | None
    attempts: int
    target: int
    lane: int
    deaths: int
    token: int

    @property
    def lease(self) -> Lease:
        """Of one that was claimed."""
        return Lease(id=self.id, org=self.org, okey=self.okey, attempts=self.attempts)

    @property
    def sending(self) -> Sending:
        """The same of a delivery."""
        return Sending(
            id=self.id, org=self.org, okey=self.okey, attempts=self.attempts, target=self.target,
            lane=self.lane, token=self.token,
        )  # fmt: skip


def waiting(db: Database) -> list[Suspect]:
    """Those that may be tried again now, the least suspected first."""
    with db.looks() as conn:
        found = conn.execute(statement(db.dialect, "waiting"), {"most": MOST, "limit": _LOOKED_AT})
        return [_suspect(row) for row in found]


def claim(db: Database, kind: Kind, id: int, *, seconds: float, token: int) -> Suspect | None:
    """Leases this one alone, where it may still be tried."""
    given = {"kind": int(kind), "id": id, "most": MOST, "seconds": seconds, "token": token}
    with db.claims() as conn:
        row = conn.execute(statement(db.dialect, "claim"), given).first()
    return None if row is None else _suspect(row)


def worn(db: Database, *, seconds: float, token: int) -> Sequence[Suspect]:
    """Leases what is not to be tried again, for who gives it up. A run that may have sent something
    to a provider is left to the lease under which it was sent."""
    with db.looks() as conn:
        if conn.execute(statement(db.dialect, "any_worn"), {"most": MOST}).first() is None:
            return []
    given = {"most": MOST, "seconds": seconds, "token": token}
    with db.claims() as conn:
        return [_suspect(row) for row in conn.execute(statement(db.dialect, "worn"), given)]


def _suspect(row: Any) -> Suspect:
    return Suspect(
        kind=Kind(row.kind), id=row.id, org=row.org_id, okey=row.okey, attempts=row.attempts,
        target=row.target or 0, lane=row.lane, deaths=row.deaths, token=row.token or 0,
    )  # fmt: skip


@cache
def statement(dialect: str, name: str) -> TextClause:
    return text(_TEXTS[name].format(**(_SQLITE if dialect == "sqlite" else _POSTGRESQL)))


_SQLITE = {
    "due": LITE_DUE,
    "older": LITE_OLDER,
    "until": f"{LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER)",
}
_POSTGRESQL = {
    "due": PG_DUE,
    "older": PG_OLDER,
    "until": "now() + :seconds * interval '1 second'",
}
# ruff: noqa: S608 - our own texts
_ROW = "kind, id, org_id, okey, attempts, target, lane, deaths, token"
# `deaths > 0` in so many words: else the partial index would not be seen to fit.
_MAY = "c.deaths > 0 AND c.deaths < :most AND {due} AND (c.okey IS NULL OR NOT EXISTS ({older}))"
_WORN = "c.deaths > 0 AND c.deaths >= :most AND {due}"
_TEXTS = {
    "waiting": f"SELECT {_ROW} FROM work c WHERE {_MAY} ORDER BY deaths, due_at, id LIMIT :limit",
    "claim": "UPDATE work AS c SET lease_until = {until}, token = :token, attempts = attempts + 1"
    f" WHERE kind = :kind AND id = :id AND {_MAY} RETURNING {_ROW}",
    "any_worn": f"SELECT 1 FROM work c WHERE {_WORN} LIMIT 1",
    "worn": "UPDATE work AS c SET lease_until = {until}, token = :token"
    f" WHERE {_WORN} RETURNING {_ROW}",
}
