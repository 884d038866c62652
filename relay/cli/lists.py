"""`relay list`, `relay field` and `relay option`: what the CRM's lists are made of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from relay.cli.invocation import Invocation, table
from relay.cli.office import office
from relay.crm.embedded.admin import SALES, NewField
from relay.crm.embedded.schema import schema
from relay.crm.model import Fields, FieldType
from relay.pipeline import documents
from relay.pipeline.definitions import (
    Definer,
    field_called,
    field_type,
    fields_of,
    list_called,
    option_called,
)
from relay.storage.reads import lists as stored

_FORCE = click.option("--force", is_flag=True, help="Although live rules or mappings use it.")
_LIST = click.argument("list_", metavar="LIST")
_TYPES = ", ".join(FieldType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somebody's definitions, and the fields that are meant."""

    definer: Definer
    list_id: str
    fields: Fields


@contextmanager
def _place(invocation: Invocation, list_: str, *, force: bool = False) -> Iterator[Place]:
    with office(invocation) as at:
        with at.runtime.db.read() as conn:
            list_id = list_called(conn, at.org.id, list_)
            fields = fields_of(conn, at.org.id, list_id)
        definer = Definer(runtime=at.runtime, org=at.org.id, by=at.by, force=force)
        yield Place(definer=definer, list_id=list_id, fields=fields)


@click.group(name="list")
def lists() -> None:
    """Make, rename and delete lists."""


@lists.command()
@click.argument("title")
@click.option(
    "--type",
    "type_",
    default="account",
    show_default=True,
    type=click.Choice(["account", "contact"]),
    help="What its items are about.",
)
@click.option("--sales", is_flag=True, help="With Status, Owner, Revenue and Close Date.")
@click.pass_obj
def create(invocation: Invocation, title: str, type_: str, sales: bool) -> None:
    """A new list called TITLE."""
    with office(invocation) as at:
        definer = Definer(runtime=at.runtime, org=at.org.id, by=at.by)
        made = definer.create_list(title, type_, SALES if sales else ())
    then = f"relay field create {made.title!r} NAME --type TYPE"
    invocation.show(documents.crm_list(made), f"Made the list {made.title}. Next: {then}")


@lists.command(name="list")
@click.pass_obj
def list_all(invocation: Invocation) -> None:
    """Every list."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        known = schema(conn, at.org.id).lists
        counts = stored.item_counts(conn, at.org.id)
    rows = [{**documents.crm_list(one), "items": counts.get(one.id, 0)} for one in known]
    shown = [(row["id"], row["title"], row["type"], row["items"],
              ", ".join(each["label"] for each in row["fields"])) for row in rows]  # fmt: skip
    text = table(("id", "title", "type", "items", "fields"), shown)
    none = "There is no list yet: relay list create TITLE"
    invocation.show({"data": rows, "next": None}, text if rows else none)


@lists.command()
@_LIST
@click.argument("title")
@_FORCE
@click.pass_obj
def rename(invocation: Invocation, list_: str, title: str, force: bool) -> None:
    """Call LIST by another TITLE."""
    with _place(invocation, list_, force=force) as at:
        made = at.definer.rename_list(at.list_id, title)
    invocation.show(documents.crm_list(made), f"{list_} is {made.title} now.")


@lists.command()
@_LIST
@_FORCE
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(invocation: Invocation, list_: str, force: bool, yes: bool) -> None:
    """Delete LIST with its items; accounts and contacts stay."""
    with _place(invocation, list_, force=force) as at:
        if not yes:
            click.confirm(f"Delete {list_} with all its items?", abort=True, err=True)
        at.definer.delete_list(at.list_id)
    invocation.show({"list": list_, "deleted": True}, f"{list_} is deleted.")


@click.group(name="field")
def fields() -> None:
    """Make, rename and delete the fields of a list, or of `accounts`."""


@fields.command(name="create")
@_LIST
@click.argument("name")
@click.option("--type", "type_", required=True, metavar="TYPE", help=_TYPES)
@click.option("--option", multiple=True, metavar="TEXT", help="A choice of a List field.")
@click.option("--multi", is_flag=True, help="Takes several values.")
@click.pass_obj
def create_field(
    invocation: Invocation,
    list_: str,
    name: str,
    type_: str,
    option: tuple[str, ...],
    multi: bool,
) -> None:
    """A new field of LIST called NAME."""
    new = NewField(name=name, type=field_type(type_), options=option, is_multi=multi)
    with _place(invocation, list_) as at:
        made = documents.field(at.definer.create_field(at.list_id, new))
    invocation.show(made, f"Made {name}; rules call it {made['name']}.")


@fields.command(name="list")
@_LIST
@click.pass_obj
def list_fields(invocation: Invocation, list_: str) -> None:
    """The fields of LIST with their options."""
    with _place(invocation, list_) as at:
        rows = [documents.field(one) for one in at.fields.all]
    shown = [(row["id"], row["label"], row["name"], row["type"],
              ", ".join(each["label"] for each in row["options"])) for row in rows]  # fmt: skip
    text = table(("id", "label", "in rules", "type", "options"), shown)
    invocation.show({"data": rows, "next": None}, text)


@fields.command(name="rename")
@_LIST
@click.argument("field")
@click.argument("name")
@_FORCE
@click.pass_obj
def rename_field(invocation: Invocation, list_: str, field: str, name: str, force: bool) -> None:
    """Call FIELD of LIST by another NAME, in rules as well."""
    with _place(invocation, list_, force=force) as at:
        known = field_called(at.fields, field)
        made = documents.field(at.definer.rename_field(at.list_id, known.id, name))
    invocation.show(made, f"{field} is {made['label']} now; rules call it {made['name']}.")


@fields.command(name="delete")
@_LIST
@click.argument("field")
@_FORCE
@click.pass_obj
def delete_field(invocation: Invocation, list_: str, field: str, force: bool) -> None:
    """Take FIELD off LIST."""
    with _place(invocation, list_, force=force) as at:
        at.definer.delete_field(at.list_id, field_called(at.fields, field).id)
    invocation.show({"field": field, "deleted": True}, f"{field} is deleted.")


@click.group(name="option")
def options() -> None:
    """Make, rename and delete the choices of a List field."""


@options.command(name="create")
@_LIST
@click.argument("field")
@click.argument("label")
@click.option("--closed/--open", "closed", default=None, help="Whether it ends an item.")
@click.pass_obj
def create_option(
    invocation: Invocation, list_: str, field: str, label: str, closed: bool | None
) -> None:
    """A new choice LABEL of FIELD of LIST."""
    with _place(invocation, list_) as at:
        known = field_called(at.fields, field)
        made = at.definer.create_option(at.list_id, known.id, label, is_closed=closed)
    invocation.show(documents.field(made), f"{known.name} may be {label} now.")


@options.command(name="rename")
@_LIST
@click.argument("field")
@click.argument("option")
@click.argument("label")
@_FORCE
@click.pass_obj
def rename_option(
    invocation: Invocation, list_: str, field: str, option: str, label: str, force: bool
) -> None:
    """Call OPTION of FIELD of LIST by another LABEL; items keep their choice."""
    with _place(invocation, list_, force=force) as at:
        known = field_called(at.fields, field)
        id = option_called(known, option)
        made = at.definer.rename_option(at.list_id, known.id, id, label)
    invocation.show(documents.field(made), f"{option} is {label} now.")


@options.command(name="delete")
@_LIST
@click.argument("field")
@click.argument("option")
@_FORCE
@click.pass_obj
def delete_option(invocation: Invocation, list_: str, field: str, option: str, force: bool) -> None:
    """Nobody can choose OPTION of FIELD of LIST any more."""
    with _place(invocation, list_, force=force) as at:
        known = field_called(at.fields, field)
        at.definer.delete_option(at.list_id, known.id, option_called(known, option))
    invocation.show({"option": option, "deleted": True}, f"{option} is deleted.")
