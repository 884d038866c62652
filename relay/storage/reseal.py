"""Seals anew, under the newest key of the ring, what older keys sealed: then they can go."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select, update

from relay.storage import connections, hooks, idempotency, sources
from relay.storage.tables.hooks import hooks as hook_rows
from relay.storage.tables.idempotency import idempotency_keys as answer_rows
from relay.storage.tables.setup import connections as connection_rows
from relay.storage.tables.setup import sources as source_rows
from relay.storage.tables.setup import targets as target_rows
from relay.storage.vault import Vault

CHUNK = 200  # rows of one transaction


@dataclass(frozen=True, slots=True)
class Kept:
    """A table with envelopes; `bound_to` says what a row's is bound to."""

    rows: Table
    bound_to: Callable[[Any], str]

    @property
    def name(self) -> str:
        return self.rows.name


KEPT: Sequence[Kept] = (
    Kept(connection_rows, lambda row: connections.bound_to(row.id)),
    Kept(source_rows, lambda row: sources.bound_to(row.token_hash)),
    Kept(target_rows, lambda row: connections.target_bound_to(row.org_id, row.name)),
    Kept(hook_rows, lambda row: hooks.bound_to(row.org_id, row.url)),
    Kept(
        answer_rows,
        lambda row: idempotency.bound_to(row.org_id, row.api_key, row.route, row.key),
    ),
)


def reseal(conn: Connection, vault: Vault, kept: Kept) -> Counter[int]:
    """A chunk of the table: how many it were, by organization. Raises Sealed for what no key of the
    ring opens."""
    rows, key = kept.rows, list(kept.rows.primary_key.columns)
    old = rows.c.sealed.is_not(None) & (rows.c.sealed != "")
    query = select(rows).where(old, rows.c.sealed.not_like(f"{vault.newest}%")).limit(CHUNK)
    done = Counter[int]()
    for row in conn.execute(query.with_for_update()).all():
        bound = kept.bound_to(row)
        sealed = vault.seal(vault.open(row.sealed, bound_to=bound), bound_to=bound)
        mine = [column == row._mapping[column.name] for column in key]
        conn.execute(update(rows).where(*mine).values(sealed=sealed))
        done[int(row.org_id)] += 1
    return done
