"""Programs at `/api/v1`: the real application, its keys, and one record of everything."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import update
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from relay import first
from relay.core.access import SCOPES
from relay.storage import identity
from relay.storage.tables.identity import organizations, users
from tests.scenarios.house import House, open_house, runtime_of, seed
from tests.stores import Store

PREFIX = "/api/v1"
OPEN = {"/api/v1/openapi.json", "/api/v1/docs", "/api/v1/docs.css"}
Auth = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class Desk:
    """Two organizations; `org` and `key` are the first one's."""

    house: House
    rival: Auth

    @property
    def org(self) -> int:
        return self.house.made.org

    @property
    def key(self) -> Auth:
        return self.house.made.key, self.house.made.secret

    @property
    def app(self) -> Flask:
        return self.house.app

    def ask(
        self,
        method: str,
        path: str,
        *,
        auth: Auth | None = None,
        anonymous: bool = False,
        **request: Any,
    ) -> TestResponse:
        """One request below /api/v1, with the first organization's key."""
        given = None if anonymous else (auth or self.key)
        return self.app.test_client().open(PREFIX + path, method=method, auth=given, **request)

    def get(self, path: str, *, auth: Auth | None = None) -> Any:
        """A document that must be there."""
        answer = self.ask("GET", path, auth=auth)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def new_key(self, scopes: Sequence[str] = SCOPES, lists: Sequence[str] | None = None) -> Auth:
        runtime = self.house.runtime
        with runtime.db.write() as conn:
            return identity.create_key(
                conn, self.org, name="narrow", scopes=scopes, lists=lists, by="a test",
                at=runtime.clock.now(),
            )  # fmt: skip

    def routes(self) -> list[tuple[str, Rule]]:
        """Every method and route that needs a key."""
        return [
            (method, rule)
            for rule in self.app.url_map.iter_rules()
            if rule.rule.startswith(PREFIX) and rule.rule not in OPEN
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        ]

    def everything(self) -> None:
        """A form, a deal that is won, booked and paid: a row of each kind."""
        self.house.post("website", data={"email": "ann@example.com", "name": "Ann"})
        self.house.settle()
        self.house.set("Deals", "Larkspur annual plan", "Status", "Deal Won")
        self.house.settle()
        self.house.pay("recurly", self.house.books("recurly")[0].id)
        self.house.settle()


def paths(rule: Rule, known: Mapping[str, str]) -> str:
    """The route's path with the first organization's own ids in it."""
    path = rule.rule.removeprefix(PREFIX)
    for name in rule.arguments:
        noun = path.split("/")[1]
        path = path.replace(f"<{name}>", known[f"{noun}.{name}"])
    return path


def two_organizations(database_url: str) -> tuple[first.First, first.First]:
    """The same names in both, but for what is unique: only ids tell them apart."""
    runtime = runtime_of(database_url)
    made = seed(runtime)
    with runtime.db.write() as conn:
        conn.execute(update(organizations).values(name="acme"))
        conn.execute(update(users).values(email="owner@acme.example"))
    other = seed(runtime)
    runtime.db.close()
    return made, other


@contextmanager
def open_desk(store: Store, folder: Path) -> Iterator[Desk]:
    with (
        store.copy(folder, two_organizations) as (url, (made, other)),
        open_house(url, folder / "home", made=made) as house,
    ):
        yield Desk(house=house, rival=(other.key, other.secret))
