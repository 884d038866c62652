"""What Zuora's answers mean: five shapes of error, and a failure inside a 200 among them.

developer.zuora.com/docs/guides/error-codes and …/error-handling. A code has eight digits: six for
the field, two for the category; those that begin with 9 concern the sign-in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from relay.core.errors import (
    AuthError,
    PermanentError,
    RemoteError,
    RetryableError,
    UnknownOutcome,
)
from relay.core.facts import a_list, a_map, a_text
from relay.http import Response, retry_after_of

CREDENTIALS = 11
NOT_FOUND = 40
INTERNAL = 60
PERSON = frozenset({10, CREDENTIALS})  # permission, credentials
TOO_MANY = 70
AGAIN = frozenset({50, 61, TOO_MANY})  # a lock, a passing fault, too many at once

CODE_DIGITS = 8
SOON = timedelta(seconds=15)
CROWDED = timedelta(seconds=120)  # where Zuora does not say when (its page on concurrent requests)
LONGEST_WAIT = timedelta(hours=1)
# The gateway's words for a token that is good and a check that failed: the same call again.
SAME_TOKEN = "Failed to get user info"  # noqa: S105 - words of an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A refusal: Zuora's code where there is one, its words, and the status it came with. `said`
    is false where the answer does not tell how it went."""

    code: str
    message: str
    status: int
    said: bool = True

    @property
    def category(self) -> int | None:
        """The last two digits; every code of the sign-in counts as credentials."""
        if len(self.code) != CODE_DIGITS or not self.code.isdigit():
            return None
        return CREDENTIALS if self.code.startswith("9") else int(self.code[-2:])

    @property
    def about_the_token(self) -> bool:
        """A new token may help, or the same one again."""
        return self.status == HTTPStatus.UNAUTHORIZED or self.category == CREDENTIALS


def read(response: Response) -> object:
    """The answer's JSON; None where it is something else."""
    try:
        return response.json()
    except ValueError:
        return None


def problem_in(response: Response, document: object) -> Problem | None:
    """What is wrong, or None: a success is a 2xx whose `success` is true, and nothing less."""
    told = a_map(a_list(document)[0]) if a_list(document) else a_map(document)
    if response.is_success and told.get("success") is True:
        return None
    code, message = _reason(told)
    if not message and not isinstance(document, (Mapping, list)):
        message = response.text[:200].strip() or "no body"
    said = told.get("success") is False or told.get("Success") is False
    return Problem(
        code=code, message=message or "no reason given", status=response.status, said=said
    )


def error_of(problem: Problem, response: Response, what: str, *, writes: bool) -> RemoteError:
    """The problem as one of our errors: by category first, by status where there is none."""
    code = f" [{problem.code}]" if problem.code else ""
    message = f"{what} answered {problem.status}:{code} {problem.message}"
    status = problem.status
    if status == HTTPStatus.CONFLICT:
        # The first request with this key is still running.
        return undecided(message, status=status, writes=writes)
    if problem.category is None:
        return _by_status(problem, response, message, writes=writes)
    if problem.category in PERSON:
        return AuthError(message, status=status)
    if problem.category in AGAIN:
        crowded = problem.category == TOO_MANY
        wait = _wait(response, CROWDED if crowded else SOON)
        return RetryableError(message, status=status, retry_after=wait)
    if problem.category == INTERNAL:
        return undecided(message, status=status, writes=writes, answered=True)
    return PermanentError(message, status=status)


def undecided(
    message: str, *, status: int | None, writes: bool, answered: bool = False
) -> RetryableError:
    """A write that may have been carried out; for a read there is no such thing. An answer is
    replayed under its key for a day."""
    if writes:
        return UnknownOutcome(message, status=status, retry_after=SOON, answered=answered)
    return RetryableError(message, status=status, retry_after=SOON)


def _by_status(problem: Problem, response: Response, message: str, *, writes: bool) -> RemoteError:
    status = response.status
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return AuthError(message, status=status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RetryableError(message, status=status, retry_after=_wait(response, CROWDED))
    unsaid = response.is_success and not problem.said
    if unsaid or status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return undecided(message, status=status, writes=writes)
    return PermanentError(message, status=status)


def _reason(told: Mapping[str, object]) -> tuple[str, str]:
    """The first code, and all the words."""
    reasons = a_list(told.get("reasons"))
    errors = a_list(told.get("Errors"))
    found = [_pair(a_map(each), "code", "message") for each in reasons]
    found += [_pair(a_map(each), "Code", "Message") for each in errors]
    found += [_pair(told, "code", "message")]
    codes = [code for code, _ in found if code]
    words = [message for _, message in found if message]
    return codes[0] if codes else "", "; ".join(words)


def _pair(values: Mapping[str, object], code: str, message: str) -> tuple[str, str]:
    return a_text(values.get(code)) or "", a_text(values.get(message)) or ""


def _wait(response: Response, unsaid: timedelta) -> timedelta:
    """`Retry-After`, else `RateLimit-Reset` (seconds to go), else as it is unsaid."""
    if (asked := retry_after_of(response)) is not None:
        return asked
    text = response.headers.get("ratelimit-reset", "").strip()
    if response.status == HTTPStatus.TOO_MANY_REQUESTS and text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    return unsaid
