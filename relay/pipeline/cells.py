"""What becomes of the values that a mapping sets, field by field, before anything is stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from relay.core.errors import InvalidInput
from relay.crm.model import Fields, Stored
from relay.crm.values import Lookup, display
from rules.engine import Step, origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A field of the list: what it holds now and what it would hold. `refused` says why it would
    not, `origin` where the value came from. `sent` is None where the sender sent nothing."""

    slug: str
    name: str
    type: str
    sent: object = None
    becomes: object = None
    now: object = None
    then: object = None
    refused: str = ""
    origin: str = ""


def cells_of(
    step: Step,
    fields: Fields,
    given: object,
    *,
    convert: Callable[[str, object], Mapping[str, Stored | None]],
    people: Lookup,
) -> list[Cell]:
    """What becomes of each value that the step sets, by itself."""
    wanted, values = step.params.get("fields"), given if isinstance(given, Mapping) else {}
    cells: list[Cell] = []
    for slug in map(str, wanted if isinstance(wanted, Mapping) else {}):
        one, value = fields.by_name.get(slug), values.get(slug)
        name, type_ = (one.name, one.type.value) if one else (slug, "")
        cell = Cell(slug=one.slug if one else slug, name=name, type=type_, sent=value)
        try:
            kept = convert(slug, value)
        except InvalidInput as error:
            why = origin(step, f"fields.{slug}") or ""
            cells.append(replace(cell, refused=str(error), origin=why))
            continue
        becomes = [display(fields.by_id[id], each, people) for id, each in kept.items()]
        cells.append(replace(cell, becomes=becomes[0] if becomes else None))
    return cells
