"""A hook: whom we tell, of what, in which form, and how patiently."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from relay.core.errors import InvalidInput

STATES = ("active", "paused", "disabled")
FORMATS = ("flat", "envelope")
ORDERINGS = ("none", "key")
ON_EXHAUSTED = ("skip", "block")
HANDSHAKES = ("none", "cloudevents")

MOST_IN_ALL = 500
MOST_OF_ONE_TYPE = 50
MOST_OLD_SECRETS = 10
OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=7)

# What we set ourselves, and what belongs to the connection.
OUR_HEADERS = frozenset({
    "content-type", "content-length", "user-agent", "host", "connection", "transfer-encoding",
    "keep-alive", "te", "trailer", "upgrade", "expect", "proxy-authorization", "accept-encoding",
})  # fmt: skip
_LONGEST_HEADER = 4096
_MOST_HEADERS = 20
_LONGEST_HEADERS = 16 * 1024  # all of them together, names and values
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_STEPS = range(1, 21)
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One that signs; `until` is when a rotated one stops doing so."""

    value: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A subscription. `event` is a type, `noun.*` or `*`; `is_rest` says that a program made it,
    and that 410 therefore ends it; `handshake` that its address was asked first, and how;
    `max_in_flight` holds over all workers, and None is what each of them takes by itself."""

    id: int
    org: int
    url: str
    event: str
    list_id: str | None = None
    account_id: str | None = None
    condition: str | None = None
    format: str = "flat"
    ordering: str = "none"
    on_exhausted: str = "skip"
    schedule: Sequence[timedelta] | None = None
    max_per_second: float | None = None
    max_in_flight: int | None = None
    timeout: float = 15.0
    handshake: str = "none"
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[Secret] = ()
    # Why its secrets and headers cannot be read: nothing is sent without a signature.
    problem: str | None = None
    is_rest: bool = False
    made_by: str = ""
    state: str = "active"
    reason: str | None = None
    created_at: datetime | None = None

    def hears(self, type: str) -> bool:
        """Whether it wants events of this type."""
        return heard(self.event, type)

    def keys(self, now: datetime) -> list[str]:
        """What signs now, newest first."""
        return [one.value for one in self.secrets if one.until is None or one.until > now]


def heard(wanted: str, type: str) -> bool:
    """Whether `wanted` (`list_item.updated`, `list_item.*`, `*`) means the type."""
    if wanted.endswith("*"):
        stem = wanted.removesuffix("*")
        # Operational events tell of hooks themselves: they are asked for by name.
        return type.startswith(stem) and (bool(stem) or not is_operational(type))
    return wanted == type


def is_operational(type: str) -> bool:
    """Whether an event tells of hooks, sources or rules and not of the business."""
    return type.startswith(("endpoint.", "message.", "source.", "rule."))


class HookSet:
    """An organization's hooks, found by the type of an event without looking at each."""

    def __init__(self, hooks: Iterable[Hook] = ()) -> None:
        self.by_id: Mapping[int, Hook] = {hook.id: hook for hook in hooks}
        self._by_type: dict[str, list[Hook]] = {}
        self._globs: list[Hook] = []
        for hook in self.by_id.values():
            if hook.event.endswith("*"):
                self._globs.append(hook)
            else:
                self._by_type.setdefault(hook.event, []).append(hook)

    def __bool__(self) -> bool:
        return bool(self.by_id)

    def hearing(self, type: str) -> list[Hook]:
        """Those that want this type, oldest first; paused and disabled ones too."""
        found = self._by_type.get(type, [])
        if self._globs:
            found = sorted(
                [*found, *(hook for hook in self._globs if hook.hears(type))], key=lambda h: h.id
            )
        return list(found)


def check_headers(given: Mapping[str, str]) -> dict[str, str]:
    """Headers of a person's own, names in lower case. Raises InvalidInput."""
    if len(given) > _MOST_HEADERS:
        raise InvalidInput(f"a hook has at most {_MOST_HEADERS} headers of its own")
    checked: dict[str, str] = {}
    for name, value in given.items():
        low = name.lower()
        if not low or not set(low) <= _TOKEN:
            raise _bad_header(name, "is no header's name")
        if low in OUR_HEADERS or low.startswith(("webhook-", "proxy-")):
            raise _bad_header(name, "is set by Relay itself")
        if len(value) > _LONGEST_HEADER or any(not 0x20 <= ord(sign) < 0x7F for sign in value):  # noqa: PLR2004 - what may stand in a header
            raise _bad_header(name, f"has to be printable text of at most {_LONGEST_HEADER} signs")
        checked[low] = value
    if sum(len(name) + len(value) for name, value in checked.items()) > _LONGEST_HEADERS:
        raise InvalidInput(
            "these headers cannot be sent", {"headers": ["are more than 16 KiB together"]}
        )
    return checked


def _bad_header(name: str, what: str) -> InvalidInput:
    shown = name.encode("ascii", "backslashreplace").decode()[:60]
    return InvalidInput("this header cannot be sent", {"headers": [f"{shown!r} {what}"]})


def check_schedule(seconds: Sequence[float] | str | None) -> list[float] | None:
    """The waits after each failure: 1 to 20 of them, or `none`; None: the usual ones. Raises
    InvalidInput."""
    if seconds is None:
        return None
    if seconds == "none":
        return []
    if isinstance(seconds, str) or len(seconds) not in _STEPS:
        raise InvalidInput("a schedule has 1 to 20 waits in seconds, or is 'none'")
    for one in seconds:
        if not _SHORTEST.total_seconds() <= one <= _LONGEST.total_seconds():
            raise InvalidInput("a wait is 1 second to 24 hours")
    return [float(one) for one in seconds]
