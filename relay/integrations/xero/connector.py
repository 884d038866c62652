"""Reads from Xero the documents that its notifications only name.

developer.xero.com, "OAuth 2.0 API flows": an access token lives for half an hour; each refresh
token is used once. Every call names its organisation in `Xero-Tenant-Id`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from relay.core.errors import AuthError, InvalidInput, NotFound
from relay.core.facts import a_list, a_map, a_text
from relay.http import Http, Response
from relay.integration import Connection, Connector, Lookup
from relay.lookup import SECONDS, Api, Tokens

HOST = "api.xero.com"
_TOKENS = "https://identity.xero.com"
_TOKEN_PATH = "/connect/token"  # noqa: S105 - an address
ORGANISATION = "/api.xro/2.0/Organisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """The connection's organisation, during one call of ours."""

    connection: Connection
    http: Http
    now: datetime

    @property
    def tenant(self) -> str:
        """Its id. Raises AuthError where the connection does not say it."""
        tenant = a_text(self.connection.settings.get("tenant"))
        if tenant is None:
            raise AuthError("the connection's setting tenant must be the Xero organisation's id")
        return tenant

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """The document at `path`. `tenant` among the parameters says whose it is: NotFound for
        another organisation's, which our token may not reach."""
        asked = dict(params or {})
        if asked.pop("tenant", self.tenant).lower() != self.tenant.lower():
            raise NotFound("the notification is of another organisation than the connection")
        tokens = Tokens(connection=self.connection, title="Xero", now=self.now, renew=self._renew)
        api = Api(
            http=self.http,
            base_url=self.connection.base_url,
            title="Xero",
            headers={
                "authorization": f"Bearer {await tokens.access()}",
                "xero-tenant-id": self.tenant,
            },
        )
        return await api.get(path, asked or None)

    async def _renew(self, stored: Mapping[str, str]) -> Response:
        host = urlsplit(self.connection.base_url).hostname
        root = _TOKENS if host == HOST else self.connection.base_url.rstrip("/")
        return await self.http.request(
            "POST",
            root + _TOKEN_PATH,
            form={"grant_type": "refresh_token", "refresh_token": stored["refresh_token"]},
            auth=(stored["client_id"], stored["client_secret"]),
            timeout=SECONDS,
            purpose="Xero: renew the access token",
        )


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Names the organisation that answers."""
    answer = await Organisation(connection=connection, http=http, now=now).get(ORGANISATION)
    found = a_list(answer.get("Organisations"))
    return f"Xero organisation {a_text(a_map(found[0]).get('Name')) if found else '?'}"


def lookup(connection: Connection, http: Http, now: datetime) -> Lookup:
    return Organisation(connection=connection, http=http, now=now)


def check(settings: Mapping[str, object]) -> None:
    """Raises InvalidInput where nothing says whose documents are read."""
    if a_text(settings.get("tenant")) is None:
        raise InvalidInput("tenant: the organisation's id is missing", {"tenant": ["is missing"]})


CONNECTOR = Connector(
    test=test,
    lookup=lookup,
    check=check,
    settings={"tenant": "the organisation's id (tenantId, from api.xero.com/connections)"},
    secrets=("client_id", "client_secret", "refresh_token"),
    hosts={"xero": f"https://{HOST}"},
)
