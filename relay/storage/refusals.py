"""How many deliveries each source has refused in the hour; what is beyond the limit is counted."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.database import Database
from relay.storage.tables.events import refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A source's refusals since `hour` began: how many there were, how many are kept."""

    hour: datetime
    seen: int
    kept: int


def count(
    db: Database, conn: Connection, org: int, source: int, at: datetime, seen: int, *, keep: bool
) -> int:
    """Counts `seen` more, one of which is to be kept if `keep`; how many were to be this hour."""
    upsert = sqlite_insert if db.dialect == "sqlite" else postgresql_insert
    hour = at.replace(minute=0, second=0, microsecond=0)
    row = upsert(refusals).values(
        source_id=source, org_id=org, hour=hour, seen=seen, kept=int(keep)
    )
    same = refusals.c.hour == row.excluded.hour
    found = conn.execute(
        row.on_conflict_do_update(
            index_elements=["source_id"],
            set_={
                "hour": row.excluded.hour,
                "seen": case((same, refusals.c.seen + row.excluded.seen), else_=row.excluded.seen),
                "kept": case((same, refusals.c.kept + row.excluded.kept), else_=row.excluded.kept),
            },
        ).returning(refusals.c.kept)
    )
    return int(found.scalar_one())


def refused(conn: Connection, org: int, source: int) -> Refused | None:
    """The newest hour in which the source refused something."""
    row = conn.execute(
        select(refusals.c.hour, refusals.c.seen, refusals.c.kept).where(
            refusals.c.org_id == org, refusals.c.source_id == source
        )
    ).first()
    return None if row is None else Refused(hour=row.hour, seen=row.seen, kept=row.kept)
