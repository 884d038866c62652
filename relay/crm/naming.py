"""Fields as rules name them, and help for names that are not there."""

from collections.abc import Mapping
from difflib import get_close_matches

from relay.core.errors import InvalidInput
from relay.crm.model import Fields, Stored
from relay.crm.values import Sent, stored


def nearest(name: object, known: Mapping[str, object]) -> str:
    """A help such as `: did you mean 'Deals'?`, or nothing."""
    close = get_close_matches(str(name), list(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def named_values(fields: Fields, given: object, sent: Sent) -> dict[str, Stored | None]:
    """Values that a rule gives by slug (or label, or id), ready to be stored, by field id.

    Raises InvalidInput for a field that is not there or cannot be written, and in the CRM's own
    words for a value of the wrong type.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput("fields must be a map of a field's name to its value")
    ready: dict[str, Stored | None] = {}
    for name, value in given.items():
        one = fields.by_name.get(str(name))
        if one is None:
            raise InvalidInput(
                f"{fields.of} has no field {str(name)!r}"
                f"{nearest(name, {field.slug: field for field in fields.all})}"
            )
        if not one.is_editable:
            raise InvalidInput(f"field {one.slug} of {fields.of} is read-only")
        try:
            ready[one.id] = stored(one, value, sent)
        except InvalidInput as error:
            # The CRM's own words, and the field they are about for the trace.
            place = {one.slug: [f"field {one.slug} of {fields.of}"]}
            raise InvalidInput(str(error), place) from error
    return ready
