"""What an answer other than success means, as one of our errors."""

from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

from relay.core.errors import AuthError, PermanentError, RemoteError, RetryableError
from relay.http.exchange import Response

LONGEST_WAIT = timedelta(hours=10)


def error_for(response: Response, what: str) -> RemoteError:
    """What an answer other than success means. `what` names the call for people, without its
    query: some providers put keys there ("QuickBooks, POST /invoice")."""
    status = response.status
    summary = f"{what} answered {status}"
    if status in (401, 403):
        return AuthError(summary, status=status)
    if status in (408, 425, 429) or status >= 500:  # noqa: PLR2004 - HTTP's own numbers
        return RetryableError(summary, status=status, retry_after=retry_after_of(response))
    return PermanentError(summary, status=status)


def retry_after_of(response: Response) -> timedelta | None:
    """Retry-After as seconds or as an HTTP date; a past date is zero, at most ten hours; None
    where there is none that can be read (RFC 9110, 10.2.3)."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if response.at is None:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - response.at, timedelta(0)), LONGEST_WAIT)
