"""What stands in a body that somebody posts to the sandbox, refused where it is of another kind."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from relay.core.facts import a_map
from relay.integrations.quickbooks.sandbox_rules import Refusal, missing, too_long, unsupported

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def money(document: Mapping[str, object], name: str, element: str) -> Decimal:
    """An amount: a JSON number."""
    value = document.get(name)
    if value is None:
        raise missing(element)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise unsupported(element)
    return Decimal(value)


def string(document: Mapping[str, object], name: str) -> str:
    """A text, empty where there is none."""
    value = document.get(name, "")
    if not isinstance(value, str):
        raise unsupported(name)
    return value


def limited(document: Mapping[str, object], name: str, longest: int) -> str:
    """A text of at most `longest` characters."""
    text = string(document, name)
    if len(text) > longest:
        raise too_long(name, longest)
    return text


def day(document: Mapping[str, object], name: str) -> str | None:
    """A date as `YYYY-MM-DD`, None where there is none."""
    text = string(document, name)
    if text and not _is_day(text):
        raise Refusal("2170", "Invalid Enumeration", f"{name} : {text} is not a date", element=name)
    return text or None


def ref(document: Mapping[str, object], name: str) -> str | None:
    """The id behind a reference."""
    value = a_map(document.get(name)).get("value")
    return value if isinstance(value, str) else None


def _is_day(text: str) -> bool:
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False
