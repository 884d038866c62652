"""Counts what failed, so that nobody can guess for long: in Redis, else in this process."""

from datetime import UTC, datetime, time, timedelta

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis import RedisError

from relay.core.clock import Clock
from relay.core.errors import RelayError
from relay.settings import Settings

# A person who mistypes stays far below these; somebody who guesses does not.
SIGN_INS = RateLimitItemPerMinute(10, 5, namespace="sign-in")
KEYS = RateLimitItemPerMinute(30, 1, namespace="key")
# What SalesforceIQ let a key send in a calendar day (https://api.salesforceiq.com/, "Limits").
DAILY = 100_000


class TooMany(RelayError):
    """So many tries have failed that a pause is due."""


class QuotaUsed(TooMany):
    """A key has sent as many requests as it may in a day; the next begins in `seconds`."""

    def __init__(self, most: int, seconds: int) -> None:
        super().__init__(f"this key has sent its {most} requests of today (UTC)")
        self.seconds = seconds


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

    def count(self, rule: RateLimitItem, *who: str) -> None:
        """Counts one. Raises TooMany for the first above the limit."""
        try:
            free = self._shared.hit(rule, *who)
        except (RedisError, OSError):
            free = self._own.hit(rule, *who)
        if not free:
            raise TooMany("too many tries have failed: wait a few minutes")


class Quota:
    """Requests of each key in a calendar day, UTC. Without Redis each process counts for itself."""

    def __init__(self, throttle: Throttle, clock: Clock, most: int = DAILY) -> None:
        self._throttle = throttle
        self._clock = clock
        self._most = most
        self._rule = RateLimitItemPerDay(most, 1, namespace="quota")

    def spend(self, key: str) -> None:
        """Counts one. Raises QuotaUsed for the first above the limit."""
        now = self._clock.now()
        # The day is part of the name: a window of `limits` begins with the first request in it.
        try:
            self._throttle.count(self._rule, key, now.date().isoformat())
        except TooMany as error:
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
            raise QuotaUsed(self._most, int((midnight - now).total_seconds()) + 1) from error


def _shared(settings: Settings) -> Storage:
    url = settings.client_url.replace("unix://", "redis+unix://", 1)
    found = storage_from_string(url, socket_connect_timeout=0.5, socket_timeout=0.5)
    assert isinstance(found, Storage)  # noqa: S101 - the asynchronous kind has another scheme
    return found
