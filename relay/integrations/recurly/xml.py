"""Recurly's XML notifications as plain values.

The traps of recurly.com/developers/reference/webhooks: empty elements, `nil="true"` also on an
element that has text, arrays marked by `type="array"`, roots without content. A document type
declaration never comes from Recurly and is refused, and with it every entity.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from relay.core.errors import Unreadable
from relay.core.facts import DEEPEST, clean


@dataclass(slots=True)
class _Element:
    name: str
    is_list: bool = False
    text: list[str] = field(default_factory=list)
    children: list[tuple[str, object]] = field(default_factory=list)

    def value(self) -> object:
        """Text, None when empty; a list; else a map, in which a name that came twice has a list."""
        if self.is_list:
            return [value for _, value in self.children]
        if not self.children:
            return clean("".join(self.text)) or None
        found: dict[str, object] = {}
        for name, value in self.children:
            before = found.get(name)
            if name not in found:
                found[name] = value
            elif isinstance(before, list):
                before.append(value)
            else:
                found[name] = [before, value]
        return found


class _Reader:
    def __init__(self) -> None:
        self.open: list[_Element] = [_Element("")]

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self.open) > DEEPEST:
            raise Unreadable(f"the body is nested deeper than {DEEPEST} levels")
        self.open.append(_Element(clean(name), attributes.get("type") == "array"))

    def end(self, name: str) -> None:
        del name
        element = self.open.pop()
        self.open[-1].children.append((element.name, element.value()))

    def text(self, text: str) -> None:
        self.open[-1].text.append(text)

    def refuse(self, *_: object) -> None:
        raise Unreadable("the body declares a document type, which no notification does")


def read(body: bytes) -> tuple[str, Mapping[str, object]]:
    """The root's name and what stands in it. Raises Unreadable with the place."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Unreadable(
            f"the body is not XML: {expat.ErrorString(error.code)} in line {error.lineno}"
        ) from error
    except (LookupError, ValueError) as error:
        raise Unreadable(f"the body is not XML: {error}") from error
    root, value = reader.open[0].children[0]
    return root, value if isinstance(value, Mapping) else {}
