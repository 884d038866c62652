"""How often something comes, and whether it has stayed away for too long. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

FEWEST = 10  # of fewer there is no saying what is usual
TIMES_USUAL = 5
TIMES_LONGEST = 1.2
LEAST = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """`usual` is between two; `longest` of all that were ever seen to end: nights and weekends."""

    usual: timedelta
    longest: timedelta

    def is_silent(self, since: timedelta) -> bool:
        """Whether so long without one is out of the ordinary."""
        return since > max(self.usual * TIMES_USUAL, self.longest * TIMES_LONGEST, LEAST)


def rhythm(times: Sequence[datetime], longest: timedelta) -> Rhythm | None:
    """Of these, newest first, and the longest silence known before; None where they are few."""
    if len(times) < FEWEST:
        return None
    gaps = sorted(later - earlier for later, earlier in pairwise(times))
    return Rhythm(usual=gaps[len(gaps) // 2], longest=max(gaps[-1], longest))


def told(span: timedelta) -> str:
    """In words: `16 hours`."""
    seconds = span.total_seconds()
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
