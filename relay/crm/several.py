"""Which of several items is meant: what a source or a rule chose, never chance."""

from collections.abc import Sequence
from typing import TypeVar

from relay.core.errors import InvalidInput
from relay.crm.given import text
from relay.crm.model import List, ListType
from relay.crm.port import Operation

USUAL, OLDEST, NEWEST, ALL, REFUSE = CHOICES = ("usual", "oldest", "newest", "all", "refuse")
_NAMED = 10

T = TypeVar("T")


def choice(operation: Operation, in_list: List, default: str) -> str:
    """How to choose. `usual` is the oldest on a list of contacts; on a list of accounts, where it
    may be money, it is to refuse. Raises InvalidInput."""
    how = text(operation, "several") or default
    if how not in CHOICES:
        raise InvalidInput(f"several: {how!r} is none of {', '.join(CHOICES)}")
    if how != USUAL:
        return how
    return REFUSE if in_list.type is ListType.ACCOUNT else OLDEST


def chosen(found: Sequence[T], how: str, complaint: str) -> list[T]:
    """Those that are meant, of what is given oldest first. Raises InvalidInput with the complaint
    where there is more than one and none is to be guessed."""
    if len(found) < 2:  # noqa: PLR2004 - nothing to choose from
        return list(found)
    match how:
        case "oldest":
            return [found[0]]
        case "newest":
            return [found[-1]]
        case "all":
            return list(found)
        case _:
            raise InvalidInput(complaint)


def complaint(in_list: List, whose: str, named: Sequence[str], *, kind: str = "items") -> str:
    """All candidates by name, so that a person can choose."""
    more = "" if len(named) <= _NAMED else f" and {len(named) - _NAMED} more"
    shown = ", ".join(named[:_NAMED])
    return f"{len(named)} {kind} of {in_list.title} belong to {whose}: {shown}{more}"


def note(in_list: List, count: int, how: str) -> dict[str, object]:
    """What people should know when there were several."""
    if count < 2:  # noqa: PLR2004 - one is no reason for a note
        return {}
    taken = "all were updated" if how == ALL else f"the {how} was taken"
    return {"note": f"{count} items of {in_list.title} match: {taken}"}
