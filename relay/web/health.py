"""/healthz: alive. /readyz: able to work. /metrics: Prometheus. Reasons and figures go to loopback
or to who has the token only."""

import hmac
from ipaddress import ip_address

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from relay.core.errors import RelayError
from relay.runtime import Runtime
from relay.storage.identity import all_organizations
from relay.storage.rulesets import findings_of
from relay.web import metrics

_OF_PROXIES = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


def blueprint(runtime: Runtime) -> Blueprint:
    """The probes, and the figures."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def healthz() -> Response:
        return jsonify({"status": "alive"})

    @pages.get("/readyz")
    def readyz() -> tuple[Response, int]:
        try:
            with runtime.db.read() as conn:
                stale = [found[0] for o in all_organizations(conn)
                         if (found := findings_of(conn, o.id).all)]  # fmt: skip
        except (SQLAlchemyError, RelayError, OSError) as error:
            return _told({"status": "not ready", "database": str(error)}, 503)
        # Rules that were refused, or no longer fit, are no reason to take no webhooks:
        # the last good set goes on.
        facts = {"status": "ready", "rules": "stale" if stale else "live"}
        if stale:
            facts["finding"] = "{path}:{line}:{column}: {code} {message}".format(**stale[0])
        return _told(facts, 200)

    @pages.get("/metrics")
    def figures() -> Response:
        if not _may_know(runtime):
            return Response("metrics are for loopback, or for a bearer token\n", status=403)
        return Response(metrics.text(runtime), content_type=CONTENT_TYPE_LATEST)

    def _told(facts: dict[str, str], status: int) -> tuple[Response, int]:
        shown = facts if _may_know(runtime) else {"status": facts["status"]}
        return jsonify(shown), status

    return pages


def _may_know(runtime: Runtime) -> bool:
    token = runtime.settings.metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    # A proxy on this machine that nobody has told us of calls from loopback, for strangers.
    if any(name in request.headers for name in _OF_PROXIES):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
