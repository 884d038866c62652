"""What sources' mappings were: the rules they have been, kept by hash for ever as rule sets are."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select

from relay.storage.tables.setup import mappings

Data = Mapping[str, Any]


def keep_mapping(conn: Connection, org: int, source: int, versions: Mapping[str, Data]) -> None:
    """Keeps the rules of a source's mapping, each as plain values by its hash."""
    known = select(mappings.c.hash).where(
        mappings.c.org_id == org, mappings.c.hash.in_(sorted(versions))
    )
    new = versions.keys() - set(conn.execute(known).scalars())
    for hash in sorted(new):
        row = {"org_id": org, "hash": hash, "source_id": source, "rule": versions[hash]}
        conn.execute(insert(mappings).values(**row))


def kept_mapping(conn: Connection, org: int, hash: str) -> Data | None:
    """A rule that a mapping has been; None where there was none of that hash."""
    query = select(mappings.c.rule).where(mappings.c.org_id == org, mappings.c.hash == hash)
    found: Data | None = conn.execute(query).scalar_one_or_none()
    return found
