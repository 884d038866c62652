"""Idempotency-Key: a POST that may come twice is carried out once, and answered the same."""

import hashlib
import threading
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, request

from relay.core.access import Caller
from relay.core.errors import Conflict, InvalidInput
from relay.storage import idempotency
from relay.web.api.site import read, runtime, write

HEADER = "Idempotency-Key"
_LONGEST_KEY = 255
_PATIENCE = 2.0  # seconds that a second request waits for the first
_LOOK = 0.05


def once(caller: Caller, key: str, view: Callable[[], Any]) -> Response:
    """The answer of the first request under this key. Raises InvalidInput for another body under
    it, Conflict while the first is at work."""
    if not key.strip() or len(key) > _LONGEST_KEY:
        raise InvalidInput(f"{HEADER} has 1 to {_LONGEST_KEY} characters")
    asked = idempotency.Request(
        org=caller.org,
        api_key=caller.key,
        route=request.path,
        key=key,
        body_hash=hashlib.sha256(request.get_data()).hexdigest(),
    )
    vault, now = runtime().vault, runtime().clock.now()
    earlier = write(lambda conn: idempotency.begin(conn, vault, asked, now))
    if earlier is not None:
        return _again(asked, earlier)
    try:
        answer = make_response(view())
    except BaseException:
        write(lambda conn: idempotency.forget(conn, asked))
        raise
    body = answer.get_data(as_text=True)
    write(lambda conn: idempotency.finish(conn, vault, asked, status=answer.status_code, body=body))
    return answer


def _again(asked: idempotency.Request, earlier: idempotency.Earlier) -> Response:
    if earlier.body_hash != asked.body_hash:
        raise InvalidInput(f"this {HEADER} was used with another body")
    found: idempotency.Earlier | None = earlier
    pause = threading.Event()
    for _ in range(int(_PATIENCE / _LOOK)):
        if found is None or found.status is not None:
            break
        pause.wait(_LOOK)
        found = read(lambda conn: idempotency.earlier(conn, runtime().vault, asked))
    if found is None or found.status is None:
        raise Conflict(f"a request with this {HEADER} is still at work: ask again")
    answer = Response(found.body or "", status=found.status, mimetype="application/json")
    answer.headers["Idempotency-Replayed"] = "true"
    return answer
