"""What messages of failures have in common: all but their numbers and ids."""

import re

from relay.core.ids import digest

_VARIES = re.compile(r"[0-9a-f]{12,}|\d+")


def cause(*said: str) -> str:
    """The same for messages that differ in numbers alone."""
    return digest(*(_VARIES.sub("#", one) for one in said))
