"""How long a delivery waits after its n-th failure: a pure function of what happened.

The steps follow the Standard Webhooks example with two more early ones: 12 tries over 76 hours.
"""

from collections.abc import Sequence
from datetime import timedelta

STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        5,
        30,
        2 * 60,
        10 * 60,
        30 * 60,
        2 * 3600,
        5 * 3600,
        10 * 3600,
        14 * 3600,
        20 * 3600,
        24 * 3600,
    )
)
# Answers that may say with Retry-After when to come again.
OVERLOADED = frozenset({408, 425, 429, 502, 503, 504})
TOO_MANY = 429
# A receiver that is out of breath is left alone for at least so long.
BREATH = timedelta(seconds=60)
LONGEST_ASKED = timedelta(hours=10)
_LEAST_SPREAD = timedelta(seconds=2)
_MOST_SPREAD = timedelta(minutes=15)


def next_wait(
    failures: int,
    *,
    spread: float,
    retry_after: timedelta | None = None,
    steps: Sequence[timedelta] | None = None,
    out_of_breath: bool = False,
) -> timedelta | None:
    """The wait after so many failures; None when there are no more tries. `spread` is between 0
    and 1 and only ever adds; Retry-After never shortens a wait."""
    steps = STEPS if steps is None else steps
    if failures > len(steps):
        return None
    base = steps[failures - 1]
    width = min(max(base * 0.2, _LEAST_SPREAD), _MOST_SPREAD)
    asked = min(retry_after or timedelta(0), LONGEST_ASKED)
    least = BREATH if out_of_breath else timedelta(0)
    return max(base + width * spread, asked, least)
