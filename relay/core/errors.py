"""Every failure the relay can name, as one tree.

RelayError
├── InvalidInput          the caller sent something we cannot accept          → 422
├── NotFound              no such thing, or not yours                         → 404
├── Conflict              the thing changed or already exists                 → 409
├── NotAllowed            known, but without the right to do this             → 403
├── BadSignature          an inbound request failed verification              → 401
├── Unreadable            authentic, but not what its sender documents        → stored, dead letter
├── Unavailable           we cannot store it now; ask again                   → 503
├── Filtered              nothing to do, on purpose: ends a run `filtered`
├── Skipped               done before: ends a run `skipped`
└── RemoteError           another system said no
    ├── RetryableError    try the same call again later (may carry retry_after)
    │   ├── UnknownOutcome  it may have been done: look before sending again
    │   └── BlockedTarget   an address we do not call; nothing was sent
    ├── PermanentError    the same call will never work
    └── AuthError         a person must reconnect; pauses the connection
"""

from collections.abc import Mapping
from datetime import timedelta


class RelayError(Exception):
    """The root; `str(error)` is a sentence for a person."""


class InvalidInput(RelayError):
    """What was sent cannot be accepted; `fields` maps a field's name to what is wrong with it."""

    def __init__(self, message: str, fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class NotFound(RelayError):
    """There is no such thing, or it belongs to somebody else."""


class Conflict(RelayError):
    """It exists already, or has changed since it was read."""


class NotAllowed(RelayError):
    """The caller is known and may not do this."""


class BadSignature(RelayError):
    """An inbound request did not prove where it comes from."""


class Unreadable(RelayError):
    """An authentic request whose body is not what its sender documents; says where."""


class Unavailable(RelayError):
    """The request could not be made durable; the caller should come again."""


class Filtered(RelayError):
    """A run ends here on purpose: nobody found, `stop`, or a condition that was false."""


class Skipped(RelayError):
    """A run ends here because the effect has been made before."""


class RemoteError(RelayError):
    """Another system refused, failed or did not answer.

    `status` is its HTTP status where it answered.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RetryableError(RemoteError):
    """The same call may pass later, after `retry_after` where the other side said so."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class UnknownOutcome(RetryableError):
    """The call may have been carried out: look for its document before sending again.

    `answered`: it was answered, and the same key would only bring the same answer again.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: timedelta | None = None,
        answered: bool = False,
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.answered = answered


class BlockedTarget(RetryableError):
    """The address is one we never call; nothing was sent. A name may point elsewhere later."""


class PermanentError(RemoteError):
    """The same call will never pass."""


class AuthError(RemoteError):
    """A person has to mend the credentials or the set-up; the connection pauses."""
