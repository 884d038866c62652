"""Who calls: an API key by Basic authentication, a person by the session's cookie."""

import threading
from datetime import datetime, timedelta

from flask import Response, request

from relay.core.access import AUTHORIZATION_FAILED, Caller, Person
from relay.core.errors import BadSignature
from relay.runtime import Runtime
from relay.storage import identity
from relay.web.security import caller_address
from relay.web.throttle import KEYS, SIGN_INS, Quota, Throttle

COOKIE = "relay_session"
REALM = 'Basic realm="Relay", charset="UTF-8"'
_NOTED_EVERY = timedelta(minutes=1)


class Doorkeeper:
    """One per process. Refuses in one and the same way whatever was wrong (K3)."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._throttle = Throttle(runtime.settings)
        self.quota = Quota(self._throttle, runtime.clock)
        self._noted: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def caller(self) -> Caller:
        """The API key of this request. Raises BadSignature, or TooMany after many refusals."""
        given = request.authorization
        if given is None or given.type != "basic" or not given.username:
            raise BadSignature(AUTHORIZATION_FAILED)
        key, secret = given.username, given.password or ""
        try:
            with self._runtime.db.read() as conn:
                found = identity.authenticate(conn, key, secret)
        except identity.Refused as refused:
            self._refuse(refused)
            raise
        self._note(found)
        return found

    def metered_caller(self) -> Caller:
        """The same, counted. Raises QuotaUsed as well."""
        found = self.caller()
        self.quota.spend(found.key)
        return found

    def person(self) -> Person | None:
        """Who is signed in."""
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        with self._runtime.db.read() as conn:
            return identity.session(conn, token, self._runtime.clock.now())

    def sign_in(self, email: str, password: str) -> str:
        """A new session's token. Raises BadSignature, or TooMany."""
        # By address as well as by sender: many machines may guess one password.
        places = (("from", caller_address()), ("for", email.strip().lower()))
        for place in places:
            self._throttle.check(SIGN_INS, *place)
        try:
            with self._runtime.db.write() as conn:
                return identity.sign_in(conn, email, password, self._runtime.clock.now())
        except BadSignature:
            self._note_refusal(email)
            for place in places:
                self._throttle.count(SIGN_INS, *place)
            raise

    def sign_out(self) -> None:
        """Ends the session of this request."""
        token = request.cookies.get(COOKIE)
        if token:
            with self._runtime.db.write() as conn:
                identity.sign_out(conn, token)

    def remember(self, response: Response, token: str) -> None:
        """Gives the browser its session."""
        response.set_cookie(
            COOKIE,
            token,
            max_age=identity.SESSION,
            httponly=True,
            samesite="Lax",
            secure=self._runtime.settings.base_url.startswith("https://"),
        )

    def _refuse(self, refused: identity.Refused) -> None:
        self._throttle.count(KEYS, caller_address())
        if refused.org is None:
            return
        with self._runtime.db.write() as conn:
            identity.audit(
                conn,
                refused.org,
                caller_address(),
                f"key refused: {refused.reason}",
                refused.key,
                at=self._runtime.clock.now(),
            )

    def _note_refusal(self, email: str) -> None:
        with self._runtime.db.write() as conn:
            identity.note_refused_sign_in(conn, email, caller_address(), self._runtime.clock.now())

    def _note(self, caller: Caller) -> None:
        """Writes down that the key is in use; at most once a minute, for it costs a commit."""
        now = self._runtime.clock.now()
        with self._lock:
            last = self._noted.get(caller.key)
            if last is not None and now - last < _NOTED_EVERY:
                return
            self._noted[caller.key] = now
        with self._runtime.db.write() as conn:
            identity.note_use(conn, caller.key, now)
