"""What people define in the CRM: lists, fields and options, from wherever they do it.

A change that would break a live rule or a source's mapping is refused with their names, unless it
is forced: a rule that watches a list of another name never fires, and says nothing about it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.crm.embedded import admin
from relay.crm.embedded.admin import NewField
from relay.crm.embedded.schema import ACCOUNT_FIELDS, Schema, schema
from relay.crm.model import Field, Fields, FieldType, List, ListType
from relay.crm.moments import milliseconds
from relay.crm.naming import nearest
from relay.mapping import parts_of
from relay.pipeline import rules as live
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import identity, rulesets
from relay.storage.rulesets import Kept

# How the fields of accounts are named where a list is asked for.
ACCOUNTS = "accounts"
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Definer:
    """Somebody who changes an organization's definitions. `force`: whatever rules say."""

    runtime: Runtime
    org: int
    by: str
    force: bool = False

    def create_list(self, title: str, type_: str, fields: Sequence[NewField] = ()) -> List:
        """Raises InvalidInput and Conflict."""
        with self._change("list created", title) as conn:
            now = milliseconds(self.runtime.clock.now())
            kind = list_type(type_)
            return admin.create_list(
                conn, self.org, title=title, type=kind, now_ms=now, new_fields=fields
            )

    def rename_list(self, list_id: str, title: str) -> List:
        with self._change("list renamed", list_id, after=title, breaks=True) as conn:
            admin.rename_list(conn, self.org, list_id, title)
            return schema(conn, self.org).list(list_id)

    def delete_list(self, list_id: str) -> None:
        """With its items; accounts and contacts stay."""
        with self._change("list deleted", list_id, breaks=True) as conn:
            admin.delete_list(conn, self.org, list_id)

    def create_field(self, list_id: str, new: NewField) -> Field:
        with self._change("field created", list_id, after=new.name) as conn:
            return admin.create_field(conn, self.org, new=new, list_id=list_id)

    def rename_field(self, list_id: str, field_id: str, name: str) -> Field:
        with self._change("field renamed", f"{list_id}.{field_id}", name, breaks=True) as conn:
            admin.rename_field(conn, self.org, list_id=list_id, field_id=field_id, name=name)
            return fields_of(conn, self.org, list_id).by_id[field_id]

    def delete_field(self, list_id: str, field_id: str) -> None:
        """Its values are kept out of sight; its number is never used again."""
        with self._change("field deleted", f"{list_id}.{field_id}", breaks=True) as conn:
            admin.delete_field(conn, self.org, list_id=list_id, field_id=field_id)

    def create_option(
        self, list_id: str, field_id: str, label: str, *, is_closed: bool | None = None
    ) -> Field:
        with self._change("option created", f"{list_id}.{field_id}", after=label) as conn:
            admin.create_option(
                conn, self.org, list_id=list_id, field_id=field_id, display=label,
                is_closed=is_closed,
            )  # fmt: skip
            return fields_of(conn, self.org, list_id).by_id[field_id]

    def rename_option(self, list_id: str, field_id: str, option_id: str, label: str) -> Field:
        """Items keep their choice."""
        subject = f"{list_id}.{field_id}.{option_id}"
        with self._change("option renamed", subject, label, breaks=True) as conn:
            admin.rename_option(
                conn, self.org, list_id=list_id, field_id=field_id, option_id=option_id,
                display=label,
            )  # fmt: skip
            return fields_of(conn, self.org, list_id).by_id[field_id]

    def delete_option(self, list_id: str, field_id: str, option_id: str) -> None:
        """Nobody can choose it any more; items that have it show its id."""
        subject = f"{list_id}.{field_id}.{option_id}"
        with self._change("option deleted", subject, breaks=True) as conn:
            admin.delete_option(
                conn, self.org, list_id=list_id, field_id=field_id, option_id=option_id
            )

    @contextmanager
    def _change(
        self, action: str, subject: str, after: str | None = None, *, breaks: bool = False
    ) -> Iterator[Connection]:
        """One transaction, written to the audit log; `breaks`: it may break what is in use."""
        with self.runtime.db.write() as conn:
            # Read before the change: what is cached must not be of a transaction that may fail.
            setup = self.runtime.setups.of(conn, self.org)
            is_stale = bool(rulesets.findings_of(conn, self.org).live)
            is_asked = breaks and not self.force
            before = self._troubles(conn, setup, self._misfits(conn, setup)) if is_asked else ()
            yield conn
            if breaks or is_stale:
                misfits = self._misfits(conn, setup)
                now = self._troubles(conn, setup, misfits) if is_asked else {}
                new = {where: text for key, (where, text) in now.items() if key not in before}
                if new:
                    told = "; ".join(list(new.values())[:_SHOWN])
                    raise Conflict(f"this is in use: {told}. Change that first")
                live.note_misfits(self.runtime, conn, self.org, misfits)
            identity.audit(
                conn, self.org, self.by, action, subject, after=after,
                at=self.runtime.clock.now(),
            )  # fmt: skip

    def _misfits(self, conn: Connection, setup: Setup) -> list[Kept]:
        return live.misfits(self.runtime, conn, setup)

    def _troubles(
        self, conn: Connection, setup: Setup, misfits: Sequence[Kept]
    ) -> dict[object, tuple[str, str]]:
        """What of the live rules and mappings does not fit the definitions, by what it is: the
        file or source that it stands in, and what is wrong."""
        known = schema(conn, self.org)
        found: dict[object, tuple[str, str]] = {}
        for one in misfits:
            path, place = str(one["path"]), f"{one['path']}:{one['line']}"
            found[place, one["column"], one["code"]] = (path, f"{place} {one['message']}")
        for row in setup.sources.values():
            for part in parts_of(row.mapping or {}):
                if "list" in part:
                    for text in _misfits(known, row.name, part):
                        found[row.name, text] = (row.name, text)
        return found


def list_type(name: str) -> ListType:
    """Raises InvalidInput."""
    try:
        return ListType(name)
    except ValueError:
        raise InvalidInput(f"a list is of the type account or contact, not {name!r}") from None


def field_type(name: str) -> FieldType:
    """In any case. Raises InvalidInput."""
    known = {str(one).lower(): one for one in FieldType}
    found = known.get(name.strip().lower())
    if found is None:
        raise InvalidInput(f"there is no type of field {name!r}: {', '.join(FieldType)}")
    return found


def list_called(conn: Connection, org: int, name: str) -> str:
    """The id of a list by title or id, or that of the fields of accounts. Raises InvalidInput."""
    return ACCOUNT_FIELDS if name == ACCOUNTS else schema(conn, org).called(name).id


def fields_of(conn: Connection, org: int, list_id: str) -> Fields:
    """Raises NotFound."""
    known = schema(conn, org)
    return known.account_fields if list_id == ACCOUNT_FIELDS else known.list(list_id).fields


def field_called(fields: Fields, name: str) -> Field:
    """By slug, label or id. Raises NotFound."""
    found = fields.by_name.get(name)
    if found is None:
        known = {one.slug: one for one in fields.all}
        raise NotFound(f"{fields.of} has no field {name!r}{nearest(name, known)}")
    return found


def option_called(field: Field, name: str) -> str:
    """The id of an option by label or id. Raises NotFound."""
    found = field.by_label.get(name.strip().lower()) or field.by_id.get(name)
    if found is None:
        raise NotFound(f"{field.name} has no option {name!r}{nearest(name, field.by_label)}")
    return found.id


def _misfits(known: Schema, source: str, part: Mapping[str, Any]) -> Iterator[str]:
    """What a part of a source's mapping sets that is not there."""
    title = str(part["list"])
    in_list = known.by_title.get(title) or known.by_id.get(title)
    if in_list is None:
        yield f"the mapping of source {source!r} sets {title}"
        return
    for name in part.get("fields", {}):
        if name not in in_list.fields.by_name:
            yield f"the mapping of source {source!r} sets {name} of {title}"
