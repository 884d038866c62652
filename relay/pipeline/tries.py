"""A try of a step as its row: what it came to, in a word and a sentence, and what was exchanged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from relay.core.errors import (
    AuthError,
    Filtered,
    InvalidInput,
    PermanentError,
    RelayError,
    RetryableError,
    UnknownOutcome,
)
from relay.crm.port import Result
from relay.http import Exchange
from relay.pipeline.execution import Execution


def row(
    execution: Execution,
    result: Result,
    *,
    at: datetime,
    took_ms: float,
    journal: Sequence[Exchange],
) -> dict[str, Any]:
    """The try that the execution has just counted."""
    outcome, message = told(result) if isinstance(result, RelayError) else ("succeeded", None)
    return {
        "org_id": execution.org,
        "run_id": execution.run,
        "n": execution.number,
        "attempt": execution.tried,
        "at": at,
        "took_ms": took_ms,
        "outcome": outcome,
        "message": message,
        "exchanges": [shown(one) for one in journal],
    }


def told(error: RelayError) -> tuple[str, str]:
    """A failure in a word, and its sentence."""
    match error:
        case UnknownOutcome():
            word = "unknown"
        case RetryableError():
            word = "refused for now"
        case AuthError():
            word = "not authorized"
        case PermanentError() | InvalidInput():
            word = "refused"
        case Filtered():
            word = "succeeded"
        case _:
            word = "failed"
    return word, str(error)


def shown(one: Exchange) -> dict[str, Any]:
    """One request and its answer, as the trace keeps it."""
    return {
        "at": one.at,
        "took_ms": one.took_ms,
        "method": one.method,
        "url": one.url,
        "request_headers": dict(one.request_headers),
        "request_body": one.request_body,
        "status": one.status,
        "response_headers": dict(one.response_headers),
        "response_body": one.response_body,
        "error": one.error,
        "purpose": one.purpose,
    }
