"""Reading from a provider's JSON API: what the connections that only complete events share."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from relay.core.errors import AuthError, NotFound, RetryableError, UnknownOutcome
from relay.core.facts import a_map, a_text
from relay.http import Http, Response, error_for
from relay.integration import Connection

SECONDS = 30.0
EARLY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One account's API, during one call of ours. `title` names it for people."""

    http: Http
    base_url: str
    title: str
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """The document at `path`. Raises NotFound where there is none, else RemoteError's
        children."""
        return await self.call("GET", path, params=params)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
    ) -> Mapping[str, object]:
        """One call; its answer must be JSON."""
        what = f"{self.title}, {method} {path}"
        response = await self.http.request(
            method,
            self.base_url.rstrip("/") + path,
            params=params,
            headers={"accept": "application/json", **self.headers},
            json=json,
            auth=self.auth,
            timeout=SECONDS,
            purpose=f"{self.title}: {method} {path}",
        )
        if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise NotFound(f"{what} answered {response.status}")
        if not response.is_success:
            raise error_for(response, what)
        document = _json(response)
        if not isinstance(document, Mapping):
            raise RetryableError(f"{what} answered something that is not JSON")
        return document


@dataclass(frozen=True, slots=True)
class Reader:
    """A `Lookup` that opens the account's API with the credentials of the moment."""

    open: Callable[[], Awaitable[Api]]

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        return await (await self.open()).get(path, params)


async def secret_of(connection: Connection, name: str, advice: str) -> str:
    """One of the connection's credentials. Raises AuthError with the advice where it is missing."""
    found = (await connection.credentials.read()).get(name, "")
    if not found:
        raise AuthError(f"the connection has no {name}: {advice}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """An API whose bearer token is one of the connection's credentials, by name."""

    title: str
    credential: str
    advice: str

    async def open(self, connection: Connection, http: Http) -> Api:
        """The account's API. Raises AuthError where there is no token."""
        token = await secret_of(connection, self.credential, self.advice)
        return Api(
            http=http,
            base_url=connection.base_url,
            title=self.title,
            headers={"authorization": f"Bearer {token}"},
        )

    def lookup(self, connection: Connection, http: Http, now: datetime) -> Reader:
        """What completes thin events."""
        del now
        return Reader(lambda: self.open(connection, http))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """An OAuth client's access token, renewed under the connection's one lock before it ends.

    `renew` asks the provider, with the stored credentials, for new ones.
    """

    connection: Connection
    title: str
    now: datetime
    renew: Callable[[Mapping[str, str]], Awaitable[Response]]

    async def access(self) -> str:
        """A token that can be used. Raises AuthError where a person has to connect again."""
        known = await self.connection.credentials.read()
        if not self._fresh(known):
            known = await self.connection.credentials.replace(self._renewed)
        return known["access_token"]

    def _fresh(self, known: Mapping[str, str]) -> bool:
        try:
            ends = datetime.fromisoformat(known.get("expires_at", ""))
        except ValueError:
            return False
        return bool(known.get("access_token")) and ends > self.now + EARLY

    async def _renewed(self, stored: Mapping[str, str]) -> Mapping[str, str]:
        if self._fresh(stored):
            return stored  # another worker was first
        missing = [name for name in ("client_id", "client_secret", "refresh_token")
                   if not stored.get(name)]  # fmt: skip
        if missing:
            raise AuthError(f"connect {self.title} again: its {missing[0]} is missing")
        try:
            response = await self.renew(stored)
        except UnknownOutcome as error:
            # Nothing was booked; whether the token was renewed shows when it is tried again.
            raise RetryableError(str(error)) from error
        return {**stored, **self._read(response)}

    def _read(self, response: Response) -> dict[str, str]:
        answer = a_map(_json(response))
        access = a_text(answer.get("access_token"))
        if not (response.is_success and access):
            reason = a_text(answer.get("error")) or "no token"
            message = f"{self.title} did not renew the access token: {response.status} {reason}"
            if response.status in (400, 401, 403):
                raise AuthError(f"{message}; connect {self.title} again", status=response.status)
            raise RetryableError(message, status=response.status)
        seconds = int(a_text(answer.get("expires_in")) or 1800)
        renewed = {
            "access_token": access,
            "expires_at": (self.now + timedelta(seconds=seconds)).isoformat(),
        }
        refresh = a_text(answer.get("refresh_token"))
        return renewed | ({"refresh_token": refresh} if refresh else {})


def _json(response: Response) -> object:
    try:
        return None if response.truncated else response.json()
    except ValueError:
        return None
