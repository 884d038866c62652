"""Work that is due and that nobody takes up: the sign that no worker runs, or too few."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from relay.runtime import Runtime
from relay.storage import sends, work
from relay.storage.tables.work import work as rows
from relay.storage.work import Kind

PATIENCE = timedelta(minutes=1)  # a sweep comes every few seconds
_LOOKED_AT = 200  # of each kind, the longest due
_KINDS = (Kind.EVENT, Kind.COMPLETION, Kind.RUN, Kind.MAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """The oldest work of a kind; `target` is who is to be called."""

    kind: Kind
    id: int
    target: int | None
    since: datetime


def late(runtime: Runtime, org: int) -> list[Late]:
    """An organization's, the longest waiting first. What waits for its turn is not late: what is
    behind an older row of its key, a later try, or sent again in bulk. It reads what waits, and of
    that no more than a part, but nothing that is done."""
    db, grace = runtime.db, PATIENCE.total_seconds()
    due = {kind: work.overdue(db, kind, limit=_LOOKED_AT, grace=grace) for kind in _KINDS}
    due[Kind.DELIVERY] = sends.overdue(db, sends.FIRST, limit=_LOOKED_AT, grace=grace)
    found = []
    with db.read() as conn:
        for kind, ids in due.items():
            mine = (rows.c.kind == int(kind), rows.c.id.in_(ids), rows.c.org_id == org)
            oldest = select(rows.c.id, rows.c.target, rows.c.due_at).where(*mine)
            row = conn.execute(oldest.order_by(rows.c.due_at).limit(1)).first() if ids else None
            if row is not None:
                found.append(Late(kind=kind, id=row.id, target=row.target, since=row.due_at))
    return sorted(found, key=lambda one: one.since)
