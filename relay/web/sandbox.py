"""/sandbox/<path>/…: the stand-ins' APIs, for test organizations; 404 for everybody else."""

import threading

from flask import Blueprint, Response, request

from relay.core.errors import NotFound
from relay.faults import WAIT
from relay.integration import SandboxRequest
from relay.pipeline import sandbox
from relay.runtime import Runtime

LONGEST = 180.0
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def blueprint(runtime: Runtime) -> Blueprint:
    """The route."""
    pages = Blueprint("sandbox", __name__)

    @pages.route("/sandbox/<token>/<path:rest>", methods=METHODS)
    def answer(token: str, rest: str) -> Response:
        inner = SandboxRequest(
            method=request.method,
            path=f"/{rest}",
            query=request.args.to_dict(),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.get_data(cache=False),
            now=runtime.clock.now(),
        )
        try:
            found = sandbox.handle(runtime, token, inner)
        except NotFound:
            return Response(status=404)
        headers = dict(found.headers)
        wait = float(headers.pop(WAIT, "0"))
        if wait:
            # After the commit and outside of every lock: the work is done, the answer is late.
            threading.Event().wait(min(wait, LONGEST))
        return Response(found.body, status=found.status, headers=headers)

    return pages
