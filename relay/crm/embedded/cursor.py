"""Cursors of the Grid: the place of the last row seen, as text in a URL."""

import base64
from dataclasses import dataclass
from typing import Any

from relay.core.errors import InvalidInput
from relay.storage.tables.base import dump, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page ended: the last row's sort value, None where it has none, and its id."""

    value: Any
    id: str


def write_cursor(place: Place, sort: str) -> str:
    """The place as text; it holds for one sort only."""
    text = dump([sort, place.value, place.id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, sort: str) -> Place:
    """Raises InvalidInput for what `write_cursor` did not write for this sort."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        of, value, id = load(text)
    except (ValueError, TypeError) as error:
        raise InvalidInput("cursor is not one of ours") from error
    if of != sort or not isinstance(id, str) or isinstance(value, (dict, list)):
        raise InvalidInput("cursor is of another view")
    return Place(value=value, id=id)
