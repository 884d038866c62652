"""Reads from FreshBooks what its notifications only name, and confirms its call-backs.

freshbooks.com/api, "Authentication", "Webhooks": refresh tokens are used once. The account's id
stands in every path.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from relay.core.errors import AuthError, InvalidInput, NotFound
from relay.core.facts import a_map, a_text
from relay.http import Http, Response
from relay.integration import Connection, Connector, Lookup
from relay.lookup import SECONDS, Api, Tokens

_TOKEN_PATH = "/auth/oauth/token"  # noqa: S105 - an address


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The connection's account, during one call of ours."""

    connection: Connection
    http: Http
    now: datetime

    @property
    def id(self) -> str:
        """The account's id. Raises AuthError where the connection does not say it."""
        found = a_text(self.connection.settings.get("account"))
        if found is None:
            raise AuthError("the connection's setting account must be the FreshBooks account id")
        return found

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """The document at `path`. Raises NotFound for another account's."""
        if not path.startswith(f"/accounting/account/{quote(self.id, safe='')}/"):
            raise NotFound("the notification is of another account than the connection")
        return await (await self._api()).get(path, params)

    async def verify(self, callback: str, verifier: str) -> None:
        """Sends a call-back's verifier back: FreshBooks refuses one that it did not send."""
        account, id = quote(self.id, safe=""), quote(callback, safe="")
        path = f"/events/account/{account}/events/callbacks/{id}"
        sent = {"callback": {"callback_id": callback, "verifier": verifier}}
        await (await self._api()).call("PUT", path, json=sent)

    async def _api(self) -> Api:
        tokens = Tokens(
            connection=self.connection, title="FreshBooks", now=self.now, renew=self._renew
        )
        return Api(
            http=self.http,
            base_url=self.connection.base_url,
            title="FreshBooks",
            headers={"authorization": f"Bearer {await tokens.access()}", "api-version": "alpha"},
        )

    async def _renew(self, stored: Mapping[str, str]) -> Response:
        asked = {"grant_type": "refresh_token"}
        asked |= {name: stored[name] for name in ("client_id", "client_secret", "refresh_token")}
        if redirect := a_text(self.connection.settings.get("redirect_uri")):
            asked["redirect_uri"] = redirect
        return await self.http.request(
            "POST",
            self.connection.base_url.rstrip("/") + _TOKEN_PATH,
            json=asked,
            timeout=SECONDS,
            purpose="FreshBooks: renew the access token",
        )


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Names the account, whose clients it may read."""
    account = Account(connection=connection, http=http, now=now)
    path = f"/accounting/account/{quote(account.id, safe='')}/users/clients"
    answer = a_map(a_map(await account.get(path, {"per_page": "1"})).get("response"))
    total = a_text(a_map(answer.get("result")).get("total")) or "?"
    return f"FreshBooks account {account.id}, {total} clients"


def lookup(connection: Connection, http: Http, now: datetime) -> Lookup:
    return Account(connection=connection, http=http, now=now)


def check(settings: Mapping[str, object]) -> None:
    """Raises InvalidInput where nothing says whose documents are read."""
    if a_text(settings.get("account")) is None:
        raise InvalidInput("account: the account's id is missing", {"account": ["is missing"]})


CONNECTOR = Connector(
    test=test,
    lookup=lookup,
    check=check,
    settings={
        "account": "the account's id (account_id, such as 6BApk)",
        "redirect_uri": "the app's redirect address, which renewing a token may need",
    },
    secrets=("client_id", "client_secret", "refresh_token"),
    hosts={"freshbooks": "https://api.freshbooks.com"},
)
