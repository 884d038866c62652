"""One QuickBooks Online company: its API v3, its tokens, and its addresses for people.

developer.intuit.com: "REST API features", "OAuth 2.0", "Query operations and syntax". Every call
asks for minor version 75; a create carries a `requestid`, under which QuickBooks answers a repeated
one with the first answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from relay.core.errors import AuthError, RetryableError, UnknownOutcome
from relay.core.facts import a_list, a_map, a_text
from relay.http import Http, Response
from relay.integration import Connection
from relay.integrations.quickbooks.faults import TOKEN_REFUSED, error_of, fault_in

HOSTS: Mapping[str, str] = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}
_WEB = {
    "quickbooks.api.intuit.com": "https://app.qbo.intuit.com",
    "sandbox-quickbooks.api.intuit.com": "https://app.sandbox.qbo.intuit.com",
}
_INTUIT_TOKENS = "https://oauth.platform.intuit.com"
_TOKEN_PATH = "/oauth2/v1/tokens/bearer"  # noqa: S105 - an address
MINOR_VERSION = "75"

# QuickBooks itself cuts a request off after 120 seconds.
WRITE_SECONDS = 125.0
READ_SECONDS = 30.0
EARLY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The connection's company, during one call of ours."""

    connection: Connection
    http: Http
    now: datetime

    @property
    def realm(self) -> str:
        """The company's id. Raises AuthError where the connection does not say it."""
        realm = a_text(self.connection.settings.get("realm")) or ""
        if not (realm.isascii() and realm.isdigit()):
            raise AuthError("the connection's setting realm must be the QuickBooks company id")
        return realm

    async def select(
        self, entity: str, where: str, *, limit: int = 100, start: int = 1
    ) -> Sequence[Mapping[str, object]]:
        """The documents of `entity` for which `where` holds; `start` counts from 1."""
        position = "" if start == 1 else f" startposition {start}"
        statement = f"select * from {entity} where {where}{position} maxresults {limit}"  # noqa: S608
        envelope = await self._query(statement)
        return [a_map(each) for each in a_list(envelope.get(entity))]

    async def count(self, entity: str) -> int:
        """How many documents of `entity` there are."""
        envelope = await self._query(f"select count(*) from {entity}")  # noqa: S608
        return int(a_text(envelope.get("totalCount")) or 0)

    async def create(
        self, entity: str, body: Mapping[str, object], request_id: str
    ) -> Mapping[str, object]:
        """Creates a document, or changes the one whose `Id` the body has; returns it as QuickBooks
        has it then."""
        path = f"/v3/company/{self.realm}/{entity.lower()}"
        answer = await self._call("POST", path, {"requestid": request_id}, body)
        document = a_map(answer.get(entity))
        if not a_text(document.get("Id")):
            raise UnknownOutcome(f"QuickBooks, POST {entity.lower()} answered without a document")
        return document

    async def read(self, entity: str, id: str) -> Mapping[str, object]:
        """One document as it is now."""
        path = f"/v3/company/{self.realm}/{entity.lower()}/{id}"
        return a_map((await self._call("GET", path, {})).get(entity))

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """The JSON document at `path`."""
        return await self._call("GET", path, params or {})

    def page(self, entity: str, id: str) -> str:
        """Where a person sees the document."""
        return f"{self._root}/app/{entity.lower()}?txnId={id}"

    def customer_page(self, id: str) -> str:
        """Where a person sees the customer."""
        return f"{self._root}/app/customerdetail?nameId={id}"

    @property
    def _root(self) -> str:
        host = urlsplit(self.connection.base_url).hostname or ""
        return _WEB.get(host, self.connection.base_url.rstrip("/"))

    async def _query(self, statement: str) -> Mapping[str, object]:
        path = f"/v3/company/{self.realm}/query"
        return a_map((await self._call("GET", path, {"query": statement})).get("QueryResponse"))

    async def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Mapping[str, object] | None = None,
    ) -> Mapping[str, object]:
        """One call; an expired token is renewed once and the same call repeated."""
        tokens = await self.connection.credentials.read()
        if not self._fresh(tokens):
            tokens = await self._renewed(tokens)
        response = await self._send(method, path, params, body, tokens)
        document = _json(response)
        if _token_refused(response, document):
            tokens = await self._renewed(tokens)
            response = await self._send(method, path, params, body, tokens)
            document = _json(response)
        return _accepted(response, document, f"QuickBooks, {method} {_brief(path)}", method)

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Mapping[str, object] | None,
        tokens: Mapping[str, str],
    ) -> Response:
        return await self.http.request(
            method,
            self.connection.base_url.rstrip("/") + path,
            params={**params, "minorversion": MINOR_VERSION},
            headers={
                "accept": "application/json",
                "authorization": f"Bearer {tokens.get('access_token', '')}",
            },
            json=body,
            timeout=READ_SECONDS if method == "GET" else WRITE_SECONDS,
            purpose=f"QuickBooks: {method} {_brief(path)}",
        )

    def _fresh(self, tokens: Mapping[str, str]) -> bool:
        """Whether the access token can be used; without a known end it is tried."""
        if not tokens.get("access_token"):
            return False
        try:
            return datetime.fromisoformat(tokens.get("expires_at", "")) > self.now + EARLY
        except (ValueError, TypeError):
            return True

    async def _renewed(self, used: Mapping[str, str]) -> Mapping[str, str]:
        """Other tokens than `used`: another worker's, or ours. The refresh token's value changes
        about once a day and the old one is dead then, so this happens under the one lock."""

        async def renew(stored: Mapping[str, str]) -> Mapping[str, str]:
            changed = stored.get("access_token") != used.get("access_token")
            return stored if changed and self._fresh(stored) else await self._refresh(stored)

        return await self.connection.credentials.replace(renew)

    async def _refresh(self, stored: Mapping[str, str]) -> Mapping[str, str]:
        client, secret = stored.get("client_id", ""), stored.get("client_secret", "")
        token = stored.get("refresh_token", "")
        if not (client and secret and token):
            raise AuthError("connect QuickBooks again: its client or refresh token is missing")
        try:
            response = await self.http.request(
                "POST",
                token_address(self.connection.base_url),
                headers={"accept": "application/json"},
                form={"grant_type": "refresh_token", "refresh_token": token},
                auth=(client, secret),
                timeout=READ_SECONDS,
                purpose="QuickBooks: renew the access token",
            )
        except UnknownOutcome as error:
            # Nothing was booked; whether the token was renewed shows when it is tried again.
            raise RetryableError(str(error)) from error
        return {**stored, **tokens_of(response, self.now)}


def tokens_of(response: Response, now: datetime) -> dict[str, str]:
    """The tokens in an answer of the token endpoint. A body without an access token is a failure,
    whatever its status: who takes it for a success loses both tokens."""
    answer = a_map(_json(response))
    access = a_text(answer.get("access_token"))
    if response.is_success and access:
        seconds = int(a_text(answer.get("expires_in")) or 3600)
        renewed = {
            "access_token": access,
            "expires_at": (now + timedelta(seconds=seconds)).isoformat(),
        }
        refresh = a_text(answer.get("refresh_token"))
        return renewed | ({"refresh_token": refresh} if refresh else {})
    reason = a_text(answer.get("error")) or "no token"
    message = f"QuickBooks gave no access token: {response.status} {reason}"
    if response.status in (400, 401, 403):
        raise AuthError(f"{message}; connect QuickBooks again", status=response.status)
    raise RetryableError(message, status=response.status)


def is_intuits(base_url: str) -> bool:
    """Whether the address is Intuit's own, and not a stand-in's."""
    return (urlsplit(base_url).hostname or "") in _WEB


def quoted(text: str) -> str:
    """A text inside a query: the backslash and the quote are escaped with a backslash; doubling
    the quote is wrong (Intuit's developer blog, 2014-03-20)."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _accepted(response: Response, document: object, what: str, method: str) -> Mapping[str, object]:
    """The document of a success. A fault may come with status 200 in a query's envelope."""
    writes = method != "GET"
    fault = fault_in(response, document)
    if fault or not response.is_success:
        raise error_of(response, fault, what, writes=writes)
    if not isinstance(document, Mapping):
        kind = UnknownOutcome if writes else RetryableError
        raise kind(f"{what} answered something that is not JSON", status=response.status)
    return document


def _token_refused(response: Response, document: object) -> bool:
    fault = fault_in(response, document)
    return response.status == HTTPStatus.UNAUTHORIZED or bool(fault and fault.code == TOKEN_REFUSED)


def token_address(base_url: str) -> str:
    """Where codes and refresh tokens become access tokens."""
    root = _INTUIT_TOKENS if is_intuits(base_url) else base_url.rstrip("/")
    return root + _TOKEN_PATH


def _brief(path: str) -> str:
    """The path behind the company: `/invoice/12`."""
    return "/" + "/".join(path.split("/")[4:])


def _json(response: Response) -> object:
    try:
        return None if response.truncated else response.json()
    except ValueError:
        return None
