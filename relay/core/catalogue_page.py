"""The catalogue as a page: `relay hook events --markdown` writes docs/events.md."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from relay.core.catalogue import CATALOGUE, EventType

_HEAD = """# Events

What a hook can ask for, each with its fields and an example in the flat form; with `format:
envelope` the same object stands under `data`. A hook asks for one type, for all of a noun
(`list_item.*`) or for everything that happens in the business (`*`). Types that rules `emit` are
told under their own names: `relay hook events` lists them with these.

The JSON Schemas are at `GET /api/v1/hooks/events`, and `relay hook events --json` prints them.
Later versions may add fields; none is taken away. Written by `relay hook events --markdown`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for one in CATALOGUE.values() for line in _section(one))])


def _section(one: EventType) -> Iterator[str]:
    yield f"## `{one.type}`"
    yield ""
    yield one.about
    yield ""
    yield "| field | type |"
    yield "|---|---|"
    for name, schema in one.schema["properties"].items():
        yield f"| `{name}` | {_type(schema)} |"
    yield ""
    yield "```json"
    yield json.dumps(one.example, indent=2, ensure_ascii=False)
    yield "```"
    yield ""


def _type(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type", "any")
    told = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    form = {"date-time": ", RFC 3339", "date": ", YYYY-MM-DD"}.get(schema.get("format", ""), "")
    about = schema.get("description")
    return f"{told}{form}{f': {about}' if about else ''}"
