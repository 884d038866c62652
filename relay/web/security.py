"""What every answer carries, and what a change from the dashboard has to prove."""

import hashlib

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect  # type: ignore[import-untyped]

from relay.settings import Settings
from relay.web.proxies import BehindProxies

csrf = CSRFProtect()

# Everything a page needs is a file of ours: no inline script or style, so no nonce either.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class _Sessions(SecureCookieSessionInterface):
    """Flask's own, which looks for a cookie only where one was sent: senders have none, and the
    look costs a tenth of an accepted webhook."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if "HTTP_COOKIE" not in request.environ:
            return self.session_class()
        return super().open_session(app, request)


def install(app: Flask, settings: Settings) -> None:
    """Headers for all answers; cookies that scripts cannot read; CSRF where `csrf.protect` is
    called: the dashboard calls it for every change, senders and API keys carry no cookie."""
    https = settings.base_url.startswith("https://")
    keys = [hashlib.sha256(b"cookies" + key).hexdigest() for key in settings.secret_keys]
    app.config.update(
        SECRET_KEY=keys[0],
        SECRET_KEY_FALLBACKS=keys[1:],
        SESSION_COOKIE_NAME="relay_form",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # a page may stay open over lunch; the session bounds it
        WTF_CSRF_SSL_STRICT=False,  # `same-origin` referrers are cut by some companies' proxies
    )
    app.session_interface = _Sessions()
    csrf.init_app(app)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(_ALWAYS)
        if response.mimetype == "text/html":
            response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
            response.headers.setdefault("Cache-Control", "no-store")
        if https:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


def believe_proxies(app: Flask, settings: Settings) -> None:
    """Outermost, so that everything behind it sees the true caller."""
    if settings.trusted_proxies:
        app.wsgi_app = BehindProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[assignment, method-assign]


def caller_address() -> str:
    """Where the request came from, as far as it can be known."""
    return request.remote_addr or "unknown"
