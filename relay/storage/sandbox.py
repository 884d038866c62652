"""A sandbox's books for one organization: documents by kind and id, in the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from relay.storage.tables.setup import sandbox_documents as documents


@dataclass(frozen=True, slots=True)
class StoredBooks:
    """The `Books` of the integration's sandbox."""

    conn: Connection
    org: int
    provider: str

    def get(self, kind: str, id: str) -> dict[str, object] | None:
        row = self.conn.execute(
            select(documents.c.document).where(*self._of(kind), documents.c.id == id)
        ).first()
        return None if row is None else dict(row.document)

    def find(self, kind: str, **equals: object) -> list[dict[str, object]]:
        return [
            one
            for one in self.all(kind)
            if all(one.get(name) == value for name, value in equals.items())
        ]

    def put(self, kind: str, id: str, document: Mapping[str, object]) -> None:
        known = self.conn.execute(
            update(documents)
            .where(*self._of(kind), documents.c.id == id)
            .values(document=dict(document))
        )
        if known.rowcount:
            return
        last = self.conn.execute(select(func.max(documents.c.seq)).where(*self._of(kind)))
        self.conn.execute(
            insert(documents).values(
                org_id=self.org,
                provider=self.provider,
                kind=kind,
                id=id,
                seq=(last.scalar_one() or 0) + 1,
                document=dict(document),
            )
        )

    def all(self, kind: str) -> list[dict[str, object]]:
        rows = self.conn.execute(
            select(documents.c.document).where(*self._of(kind)).order_by(documents.c.seq)
        )
        return [dict(row.document) for row in rows]

    def next_id(self, kind: str) -> int:
        counted = self.get("_counters", kind) or {"last": 0}
        number = int(str(counted["last"])) + 1
        self.put("_counters", kind, {"last": number})
        return number

    def _of(self, kind: str) -> tuple[ColumnElement[bool], ...]:
        return (
            documents.c.org_id == self.org,
            documents.c.provider == self.provider,
            documents.c.kind == kind,
        )
