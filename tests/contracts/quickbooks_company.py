"""A QuickBooks sandbox company and a connection to it, for tests."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from relay.integration import Call, Connection, Deal, Output
from relay.integrations.quickbooks.connector import perform
from relay.integrations.quickbooks.sandbox import SANDBOX
from tests.contracts.memory_books import MemoryBooks
from tests.contracts.published import Published
from tests.contracts.sandbox_http import SandboxHttp, Talk

PUBLISHED = Published(
    "quickbooks", "https://sandbox-quickbooks.api.intuit.com", unspoken=(429, 504)
)
NUMBER = "CRM-ABCDEFGHIJKLMNOP"
REFERENCE = "Deal i1, event evt_7"
DEAL = Deal(
    item={"id": "i1", "name": "Acme, workshop"},
    account={"id": "5f3a9c2e1b7d4e6f8a0b1c2d", "name": "Acme Ltd"},
    contact={
        "email": "ann@acme.test",
        "first_name": "Ann",
        "last_name": "Lee",
        "phone": "+14155552671",
    },
)


@dataclass(slots=True)
class Kept:
    """Credentials, kept in memory under one lock; `values` is what is stored."""

    values: Mapping[str, str]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> Mapping[str, str]:
        return self.values

    async def replace(
        self, renew: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        async with self.lock:
            self.values = await renew(self.values)
            return self.values


@dataclass(slots=True)
class Company:
    """A sandbox company, a connection to it, and what is booked through it."""

    settings: Mapping[str, object] = field(default_factory=lambda: dict(SANDBOX.settings))
    books: MemoryBooks = field(default_factory=MemoryBooks)
    kept: Kept = field(default_factory=lambda: Kept(SANDBOX.credentials))
    http: SandboxHttp = field(init=False)

    def __post_init__(self) -> None:
        self.http = SandboxHttp(SANDBOX, self.books)

    @property
    def connection(self) -> Connection:
        return Connection(
            id=1,
            name="books",
            provider="quickbooks",
            base_url=self.http.base_url,
            credentials=self.kept,
            settings=self.settings,
        )

    async def perform(self, verb: str, params: Mapping[str, object], **changes: object) -> Output:
        given: dict[str, object] = {
            "key": "booking-1-1",
            "number": NUMBER,
            "reference": REFERENCE,
            "look_first": False,
            "deal": DEAL,
        }
        call = Call(
            verb=verb,
            params=params,
            connection=self.connection,
            http=self.http.http,
            now=self.http.now,
            **(given | changes),  # type: ignore[arg-type]
        )
        return await perform(call)

    def book(self, verb: str, params: Mapping[str, object], **changes: object) -> Output:
        return asyncio.run(self.perform(verb, params, **changes))

    def plan(self, fault: str, **more: object) -> None:
        """The sandbox does this once, from now on."""
        id = str(self.books.next_id("fault"))
        self.books.put("faults", id, {"id": id, "fault": fault, **more})

    def customer(self, name: str, **more: object) -> str:
        """A customer who was there before."""
        id = str(self.books.next_id("Customer"))
        document = {"Id": id, "DisplayName": name, "Active": True, "SyncToken": "0"}
        self.books.put("Customer", id, document | more)
        return id

    def pass_time(self, time: timedelta) -> datetime:
        self.http.now += time
        return self.http.now

    def calls(self) -> list[str]:
        """What was asked, in short."""
        return [talk.name.split("/v3/company/9130350000000001")[-1].strip() if "/v3/" in talk.name
                else talk.name for talk in self.http.talks]  # fmt: skip

    def documents(self) -> list[dict[str, object]]:
        return [each for kind in ("Invoice", "SalesReceipt", "Estimate")
                for each in self.books.all(kind)]  # fmt: skip

    def talks(self) -> list[Talk]:
        """What was said under the published document: the token's address is not in it."""
        return [talk for talk in self.http.talks if talk.request.path.startswith("/v3/")]
