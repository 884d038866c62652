"""A Zuora sandbox tenant and a connection to it, for tests."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from relay.integration import Call, Connection, Deal, Output
from relay.integrations.zuora.connector import perform
from relay.integrations.zuora.sandbox import SANDBOX
from tests.contracts.memory_books import MemoryBooks
from tests.contracts.published import Published
from tests.contracts.sandbox_http import SandboxHttp, Talk

# What comes from a gateway or a load balancer is in no document.
PUBLISHED = Published(
    "zuora", "https://rest.apisandbox.zuora.com", unspoken=(404, 409, 422, 429, 500, 504)
)
NUMBER = "CRM-ABCDEFGHIJKLMNOP"
ACCOUNT = "5f3a9c2e1b7d4e6f8a0b1c2d"
DEAL = Deal(
    item={"id": "i1", "name": "Acme, enterprise"},
    account={"id": ACCOUNT, "name": "Acme Ltd"},
    contact={
        "email": "ann@acme.test",
        "first_name": "Ann",
        "last_name": "Lee",
        "phone": "+14155552671",
    },
)
ORDER: Mapping[str, object] = {
    "account_number": None,
    "order_date": date(2026, 11, 24),
    "rate_plans": ["PRP-00000001", "PRP-00000002"],
}


@dataclass(slots=True)
class Kept:
    """Credentials as they are stored; `renewals` counts how often a token was asked for."""

    values: dict[str, str]
    renewals: int = 0

    async def read(self) -> Mapping[str, str]:
        return dict(self.values)

    async def replace(
        self, renew: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        renewed = dict(await renew(dict(self.values)))
        self.renewals += renewed != self.values
        self.values = renewed
        return renewed


@dataclass(slots=True)
class Tenant:
    """A sandbox tenant and a connection to it."""

    books: MemoryBooks = field(default_factory=MemoryBooks)
    http: SandboxHttp = field(init=False)
    kept: Kept = field(default_factory=lambda: Kept(dict(SANDBOX.credentials)))
    settings: Mapping[str, object] = field(default_factory=lambda: SANDBOX.settings)

    def __post_init__(self) -> None:
        self.http = SandboxHttp(SANDBOX, self.books)

    @property
    def connection(self) -> Connection:
        return Connection(
            id=1,
            name="zuora",
            provider="zuora",
            base_url=self.http.base_url,
            credentials=self.kept,
            settings=self.settings,
        )

    def book(
        self,
        params: Mapping[str, object] = ORDER,
        *,
        key: str = "key-1",
        number: str = NUMBER,
        look_first: bool = False,
        deal: Deal = DEAL,
        verb: str = "order",
    ) -> Output:
        call = Call(
            verb=verb,
            params=params,
            connection=self.connection,
            http=self.http.http,
            key=key,
            number=number,
            reference="deal i1, event evt_7",
            look_first=look_first,
            deal=deal,
            now=self.http.now,
        )
        return asyncio.run(perform(call))

    def fault(self, name: str, *, path: str = "", times: int = 1) -> None:
        id = f"f{self.books.next_id('faults')}"
        self.books.put("faults", id, {"id": id, "fault": name, "path": path, "times": times})

    def orders(self) -> int:
        return len(SANDBOX.documents(self.books))

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Talk:
        """One request of a stranger's client, with a good token."""
        form = {**SANDBOX.credentials, "grant_type": "client_credentials"}
        asyncio.run(self.http.request("POST", self.http.base_url + "/oauth/token", form=form))
        token = list(self.books.kinds["tokens"])[-1]
        sent = {"authorization": f"Bearer {token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        asyncio.run(self.http.request(method, self.http.base_url + path, headers=sent, json=body))
        return self.http.talks[-1]


def check(tenant: Tenant) -> None:
    """Everything that was said, against the published document."""
    assert tenant.http.talks
    for talk in tenant.http.talks:
        PUBLISHED.check(talk)
