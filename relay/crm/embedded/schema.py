"""An organization's lists and fields, read once and kept until their stamp is another."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, bindparam, select

from relay.core.errors import InvalidInput, NotFound
from relay.crm.model import Field, Fields, FieldType, List, ListType, Option
from relay.crm.naming import nearest
from relay.storage.tables import crm as tables

ACCOUNT_FIELDS = ""  # stands where a list's id would


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The definitions of one organization."""

    stamp: int
    lists: Sequence[List]
    account_fields: Fields

    @cached_property
    def by_id(self) -> Mapping[str, List]:
        return {one.id: one for one in self.lists}

    @cached_property
    def by_title(self) -> Mapping[str, List]:
        return {one.title: one for one in self.lists}

    def list(self, id: str) -> List:
        """Raises NotFound."""
        found = self.by_id.get(id)
        if found is None:
            raise NotFound(f"there is no list {id!r}")
        return found

    def called(self, name: object) -> List:
        """The list a rule or a person names, by title or id. Raises InvalidInput."""
        found = self.by_title.get(str(name)) or self.by_id.get(str(name))
        if found is None:
            raise InvalidInput(f"there is no list {str(name)!r}{nearest(name, self.by_title)}")
        return found


_STAMP = select(tables.crm_schemas.c.stamp).where(tables.crm_schemas.c.org_id == bindparam("org"))
_LISTS = (
    select(tables.lists)
    .where(tables.lists.c.org_id == bindparam("org"))
    .order_by(tables.lists.c.created_ms, tables.lists.c.id)
)
_FIELDS = (
    select(tables.fields)
    .where(tables.fields.c.org_id == bindparam("org"), tables.fields.c.deleted.is_(False))
    .order_by(tables.fields.c.position)
)
_OPTIONS = (
    select(tables.options)
    .where(tables.options.c.org_id == bindparam("org"), tables.options.c.deleted.is_(False))
    .order_by(tables.options.c.position)
)

_kept: dict[int, Schema] = {}


def schema(conn: Connection, org: int) -> Schema:
    """The organization's definitions as this transaction sees them.

    Stamps are random numbers, so that one read in a transaction that rolls back, or in another
    database, is never met again.
    """
    stamp = conn.execute(_STAMP, {"org": org}).scalar_one_or_none() or 0
    kept = _kept.get(org)
    if kept is None or kept.stamp != stamp:
        kept = _kept[org] = _read(conn, org, stamp)
    return kept


def _read(conn: Connection, org: int, stamp: int) -> Schema:
    given = {"org": org}
    options: dict[tuple[str, str], list[Option]] = defaultdict(list)
    for row in conn.execute(_OPTIONS, given).mappings():
        options[row["list_id"], row["field_id"]].append(
            Option(id=row["id"], display=row["display"], is_closed=row["is_closed"])
        )
    fields: dict[str, list[Field]] = defaultdict(list)
    for row in conn.execute(_FIELDS, given).mappings():
        fields[row["list_id"]].append(_field(row, options[row["list_id"], row["id"]]))
    lists = [_list(row, fields[row["id"]]) for row in conn.execute(_LISTS, given).mappings()]
    accounts = Fields(of="accounts", all=tuple(fields[ACCOUNT_FIELDS]))
    return Schema(stamp=stamp, lists=tuple(lists), account_fields=accounts)


def _field(row: Mapping[Any, Any], options: Sequence[Option]) -> Field:
    return Field(
        id=row["id"],
        name=row["name"],
        slug=row["slug"],
        type=FieldType(row["type"]),
        options=tuple(options),
        is_multi=row["is_multi"],
        is_editable=row["is_editable"],
    )


def _list(row: Mapping[Any, Any], fields: Sequence[Field]) -> List:
    return List(
        id=row["id"],
        title=row["title"],
        type=ListType(row["type"]),
        fields=Fields(of=row["title"], all=tuple(fields)),
        created_ms=row["created_ms"],
    )
