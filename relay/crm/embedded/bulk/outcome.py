"""What became of a line, and how its values are read."""

from collections.abc import Mapping
from typing import Literal

from relay.core.errors import InvalidInput

Outcome = Literal["created", "updated", "same"]
CREATED: Outcome = "created"
UPDATED: Outcome = "updated"
SAME: Outcome = "same"


def several(name: str, value: object, *, split: bool = True) -> list[str]:
    """A list, or a text with its values between semicolons. Raises InvalidInput."""
    if isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be text", {name: ["must be text"]})
    if isinstance(value, (list, tuple)):
        if any(isinstance(one, (Mapping, list)) for one in value):
            raise InvalidInput(f"{name} must be text", {name: ["must be text"]})
        parts = [str(one) for one in value]
    else:
        parts = str(value).split(";") if split else [str(value)]
    return [text for part in parts if (text := part.strip())]
