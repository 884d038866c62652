"""Counts what failed, so that nobody can guess for long: in Redis, else in this process."""

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis import RedisError

from relay.core.errors import RelayError
from relay.settings import Settings

# A person who mistypes stays far below these; somebody who guesses does not.
SIGN_INS = RateLimitItemPerMinute(10, 5, namespace="sign-in")
KEYS = RateLimitItemPerMinute(30, 1, namespace="key")


class TooMany(RelayError):
    """So many tries have failed that a pause is due."""


class Throttle:
    """Failed tries, by whom. Without Redis each process counts for itself."""

    def __init__(self, settings: Settings) -> None:
        self._shared = FixedWindowRateLimiter(_shared(settings))
        self._own = FixedWindowRateLimiter(MemoryStorage())

    def check(self, rule: RateLimitItem, *who: str) -> None:
        """Raises TooMany when the tries are used up."""
        try:
            free = self._shared.test(rule, *who)
        except (RedisError, OSError):
            free = self._own.test(rule, *who)
        if not free:
            raise TooMany("too many tries have failed: wait a few minutes")

    def failed(self, rule: RateLimitItem, *who: str) -> None:
        """Counts one. Raises TooMany for the first above the limit."""
        try:
            free = self._shared.hit(rule, *who)
        except (RedisError, OSError):
            free = self._own.hit(rule, *who)
        if not free:
            raise TooMany("too many tries have failed: wait a few minutes")


def _shared(settings: Settings) -> Storage:
    url = settings.client_url.replace("unix://", "redis+unix://", 1)
    found = storage_from_string(url, socket_connect_timeout=0.5, socket_timeout=0.5)
    assert isinstance(found, Storage)  # noqa: S101 - the asynchronous kind has another scheme
    return found
