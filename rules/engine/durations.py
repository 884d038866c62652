"""`30s`, `15m`, `2h`, `14d` as lengths of time."""

from __future__ import annotations

import re
from datetime import timedelta

_DURATION = re.compile(r"(?!0+[smhd])(\d{1,6})([smhd])\Z", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: object) -> timedelta | None:
    """None where the text is none."""
    found = _DURATION.match(text) if isinstance(text, str) else None
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
