"""A Recurly sandbox site and a connection to it, for tests."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from relay.integration import Call, Connection, Deal, Output
from relay.integrations.recurly import api
from relay.integrations.recurly.connector import perform
from relay.integrations.recurly.sandbox import SANDBOX
from tests.contracts.memory_books import MemoryBooks
from tests.contracts.published import Published
from tests.contracts.sandbox_http import SandboxHttp, Talk

PUBLISHED = Published("recurly", "https://v3.recurly.com", unspoken=(504,), wrapper="error")
NUMBER = "CRM-ABCDEFGHIJKLMNOP"
DEAL = Deal(
    item={"id": "i1", "name": "Acme, team plan"},
    account={"id": "5f3a9c2e1b7d4e6f8a0b1c2d", "name": "Acme Ltd"},
    contact={
        "email": "ann@acme.test",
        "first_name": "Ann",
        "last_name": "Lee",
        "phone": "+14155552671",
    },
)
PLAN: Mapping[str, object] = {
    "account_code": "5f3a9c2e1b7d4e6f8a0b1c2d",
    "plan_code": "team-annual",
    "quantity": 3,
    "currency": "USD",
}
AMOUNT: Mapping[str, object] = {
    "account_code": "acme",
    "amount": Decimal("250.10"),
    "currency": "USD",
}


@dataclass(slots=True)
class Given:
    """Credentials as a person gave them."""

    values: Mapping[str, str]

    async def read(self) -> Mapping[str, str]:
        return self.values

    async def replace(
        self, renew: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        self.values = await renew(self.values)
        return self.values


@dataclass(slots=True)
class Site:
    """A sandbox site and a connection to it."""

    http: SandboxHttp = field(default_factory=lambda: SandboxHttp(SANDBOX, MemoryBooks()))
    credentials: Mapping[str, str] = field(default_factory=lambda: SANDBOX.credentials)
    settings: Mapping[str, object] = field(default_factory=lambda: SANDBOX.settings)

    @property
    def connection(self) -> Connection:
        return Connection(
            id=1,
            name="recurly",
            provider="recurly",
            base_url=self.http.base_url,
            credentials=Given(self.credentials),
            settings=self.settings,
        )

    def book(
        self,
        verb: str,
        params: Mapping[str, object],
        *,
        key: str = "key-1",
        number: str = NUMBER,
        look_first: bool = False,
        deal: Deal = DEAL,
    ) -> Output:
        call = Call(
            verb=verb,
            params=params,
            connection=self.connection,
            http=self.http.http,
            key=key,
            number=number,
            reference="deal i1",
            look_first=look_first,
            deal=deal,
            now=self.http.now,
        )
        return asyncio.run(perform(call))

    def fault(self, name: str, *, path: str = "/purchases", times: int = 1) -> None:
        books = self.http.books
        id = f"f{books.next_id('faults')}"
        books.put("faults", id, {"id": id, "fault": name, "path": path, "times": times})

    def invoices(self) -> int:
        return len(SANDBOX.documents(self.http.books))

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Talk:
        """One request of a stranger's client."""
        sent = {"accept": api.ACCEPT} | {k.replace("_", "-"): v for k, v in headers.items()}
        key = self.credentials["api_key"]
        asyncio.run(
            self.http.request(
                method, self.http.base_url + path, headers=sent, json=body, auth=(key, "")
            )
        )
        return self.http.talks[-1]


def check(site: Site) -> None:
    """Everything that was said, against the published document."""
    assert site.http.talks
    for talk in site.http.talks:
        PUBLISHED.check(talk)
