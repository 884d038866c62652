"""Batches of events in one delivery: a member that cannot be read takes no others along."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from relay.core import exact_json
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent

M = TypeVar("M")


def _itself(member: object) -> object:
    return member


def each(
    members: Sequence[M],
    read: Callable[[M, int], ParsedEvent],
    provider: str,
    *,
    sent: Callable[[M], object] = _itself,
) -> list[ParsedEvent]:
    """Every member as an event; `sent` is what of it came from outside. A bad one is
    `<provider>.unreadable`, with what was wrong and where. Raises Unreadable where all are."""
    events: list[ParsedEvent] = []
    problem: Unreadable | None = None
    good = 0
    for index, member in enumerate(members):
        try:
            events.append(read(member, index))
            good += 1
        except Unreadable as error:
            problem = problem or error
            events.append(_bad(sent(member), error, provider))
    if problem is not None and not good:
        raise problem
    return events


def _bad(member: object, error: Unreadable, provider: str) -> ParsedEvent:
    digest = hashlib.sha256(exact_json.dumps(member).encode()).hexdigest()[:32]
    return ParsedEvent(
        type=f"{provider}.unreadable",
        body={"sent": member, "problem": str(error)},
        key=f"unreadable:{digest}",
    )
