"""What an answer to a delivery means: done, another try, or the end. Pure.

A subscriber is not an API: whatever it answers is worth another try, except 410.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from relay.core.errors import BlockedTarget, RelayError
from relay.http import Response, retry_after_of
from relay.pipeline.schedule import OVERLOADED, TOO_MANY, next_wait

GONE = 410
CONTROL = "webhook-delivery"  # a receiver may answer `disable` or `abort-message` in it
_MOVED = range(300, 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`state` of the delivery, and why. `wait` until the next try; None: it is over. `ends` is why
    the whole hook is to be disabled."""

    state: str
    reason: str | None = None
    wait: timedelta | None = None
    ends: str | None = None

    @property
    def is_success(self) -> bool:
        return self.state == "delivered"


def judge(
    response: Response | None,
    error: RelayError | None,
    *,
    tries: int,
    spread: float,
    steps: Sequence[timedelta] | None = None,
    is_manual: bool = False,
    resumes: timedelta | None = None,
) -> Verdict:
    """`tries` counts this one. A try by hand is one try: nothing is scheduled after it but what was
    before, `resumes` from now."""
    told = response.headers.get(CONTROL, "").strip().lower() if response is not None else ""
    ends = _ends(response, told)
    if response is not None and response.is_success:
        return Verdict(state="delivered", ends=ends)
    said = _said(response, error)
    if ends is not None or told == "abort-message":
        return Verdict(state="failed", reason=f"{said}: no more tries are wanted", ends=ends)
    if is_manual:
        state = "failed" if resumes is None else "pending"
        return Verdict(state=state, reason=f"{said}; this try was made by hand", wait=resumes)
    wait = next_wait(
        tries,
        spread=spread,
        steps=steps,
        retry_after=_asked(response),
        out_of_breath=_out_of_breath(response, error),
    )
    if wait is None:
        return Verdict(state="failed", reason=f"{said}; that was the last of the tries")
    return Verdict(state="pending", reason=said, wait=wait)


def _ends(response: Response | None, told: str) -> str | None:
    if response is None:
        return None
    if response.status == GONE:
        return "gone: it answered 410"
    return "it asked for it with webhook-delivery: disable" if told == "disable" else None


def _said(response: Response | None, error: RelayError | None) -> str:
    if response is None:
        return str(error)
    if response.status in _MOVED:
        where = "" if not response.headers.get("location") else " to another address"
        return f"answered {response.status}{where}: redirects are not followed, so change the URL"
    return f"answered {response.status}"


def _asked(response: Response | None) -> timedelta | None:
    if response is None or response.status not in OVERLOADED:
        return None
    return retry_after_of(response)


def _out_of_breath(response: Response | None, error: RelayError | None) -> bool:
    if response is not None:
        return response.status == TOO_MANY
    timed_out = isinstance(error.__cause__ if error else None, TimeoutError)
    return timed_out and not isinstance(error, BlockedTarget)
