"""Where things stand in a rule's file, kept small: ten thousand rules have a third of a million
places, and one is looked up when something fails."""

from __future__ import annotations

from collections.abc import Iterable

At = tuple[int, int]
NOWHERE: At = (0, 0)


class Marks:
    """Line and column by place (`do[0].with.customer`), in one text; `""` is the thing itself."""

    __slots__ = ("_below", "_text")

    def __init__(self, text: str = "", below: str = "") -> None:
        self._text = text
        self._below = below

    @staticmethod
    def of(places: Iterable[tuple[str, At]]) -> Marks:
        lines = (f"{_flat(place)}\t{line}\t{column}\n" for place, (line, column) in places)
        return Marks("\n" + "".join(lines))

    def below(self, place: str) -> Marks:
        """Those of what stands at the place, by their place in it."""
        return Marks(self._text, self._whole(place))

    def at(self, place: str, default: At = NOWHERE) -> At:
        """Of the place, or of the nearest thing around it that has one."""
        while place:
            found = self._find(self._whole(place))
            if found is not None:
                return found
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self._find(self._below) or default

    @property
    def text(self) -> str:
        """All of them, to be kept and read again by the constructor."""
        return self._text

    def _whole(self, place: str) -> str:
        return f"{self._below}.{place}" if self._below and place else self._below or place

    def _find(self, place: str) -> At | None:
        key = f"\n{_flat(place)}\t"
        start = self._text.find(key)
        if start < 0:
            return None
        line, column = self._text[start + len(key) : self._text.index("\n", start + 1)].split("\t")
        return int(line), int(column)


def _flat(place: str) -> str:
    return place.replace("\n", " ").replace("\t", " ")
