"""A dashboard in a test's hands: the real application over a real store, and who is signed in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, update
from werkzeug.test import TestResponse

from relay.bootstrap import VERBS
from relay.core.targets import INTERNAL, PUBLIC
from relay.crm.embedded import EmbeddedCRM, first
from relay.http import Client
from relay.integrations import INTEGRATIONS
from relay.queue import Silent
from relay.runtime import Runtime
from relay.settings import Settings
from relay.setups import Setups
from relay.storage import identity
from relay.storage.database import Database
from relay.storage.tables import metadata
from relay.storage.vault import Vault
from relay.web.app import create_app

NOW = datetime(2026, 5, 12, 18, 32, tzinfo=UTC)
PASSWORD = "correct horse battery"
# A hash that is quick to check: tests sign in hundreds of times.
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
_FORM_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(slots=True)
class Clock:
    """Stands still until it is moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


@dataclass(slots=True)
class Browser:
    """A person's browser: keeps its cookies, sends the forms of the pages it has."""

    client: FlaskClient
    token: str = ""

    def get(self, path: str, **headers: str) -> TestResponse:
        sent = {"Accept": "text/html", **headers}
        return self.client.get(path, headers=sent)

    def page(self, path: str) -> str:
        """A page that must be there."""
        response = self.get(path)
        text = response.get_data(as_text=True)
        assert response.status_code == 200, f"{path}: {response.status_code}\n{text[:2000]}"
        return text

    def send(self, path: str, *, csrf: bool = True, **fields: Any) -> TestResponse:
        """Posts a form, as from a page of ours."""
        if csrf and not self.token:
            found = _FORM_TOKEN.search(self.get("/login").get_data(as_text=True))
            assert found is not None
            self.token = found[1]
        data = {**fields, **({"csrf_token": self.token} if csrf else {})}
        return self.client.post(path, data=data, headers={"Accept": "text/html"})

    def sign_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        return self.send("/login", email=email, password=password)


@dataclass(slots=True, kw_only=True)
class House:
    """The application, and its organizations by name."""

    runtime: Runtime
    app: Flask
    clock: Clock
    orgs: dict[str, int] = field(default_factory=dict)

    def organization(self, name: str, *, is_test: bool = True) -> int:
        """A new one with the first records, and one person of each role."""
        with self.runtime.db.write() as conn:
            org = identity.create_organization(conn, name, is_test=is_test, at=self.clock.now())
            for role in ("owner", "admin", "operator", "viewer"):
                person = identity.create_user(
                    conn,
                    org,
                    email=f"{role}@{name}.example",
                    name=f"{role.title()} of {name}",
                    role=role,
                    password=None,
                    at=self.clock.now(),
                )
                if role == "owner":
                    first.seed(conn, org, person, self.clock.now())
            people = metadata.tables["users"]
            conn.execute(update(people).where(people.c.org_id == org).values(password_hash=_CHEAP))
        self.orgs[name] = org
        return org

    def browser(self) -> Browser:
        return Browser(self.app.test_client())

    def signed_in(self, name: str, role: str = "owner") -> Browser:
        """A browser with a session of that person."""
        browser = self.browser()
        assert browser.sign_in(f"{role}@{name}.example").status_code == 302
        return browser

    def put(self, table: str, **values: object) -> int:
        """Writes one row as a worker would have; its id."""
        with self.runtime.db.write() as conn:
            done = conn.execute(insert(metadata.tables[table]).values(**values))
            key = done.inserted_primary_key
            return int(key[0]) if key is not None and isinstance(key[0], int) else 0

    def audited(self, name: str) -> list[tuple[str, str]]:
        """What was done in an organization: actor and action, oldest first."""
        log = metadata.tables["audit_log"]
        with self.runtime.db.read() as conn:
            rows = conn.execute(
                log.select().where(log.c.org_id == self.orgs[name]).order_by(log.c.id)
            )
            return [(row.actor, row.action) for row in rows]


def acme_and_rival(database_url: str) -> dict[str, int]:
    """Makes two organizations; their ids."""
    db = Database(database_url)
    made = build(db, Path("/nowhere"))
    for name in ("acme", "rival"):
        made.organization(name)
    db.close()
    return made.orgs


def build(db: Database, home: Path, env: Mapping[str, str] | None = None) -> House:
    """The application over this store."""
    given = {"RELAY_HOME": str(home), "RELAY_DATABASE_URL": f"sqlite:///{home}/not-used.db"}
    settings = Settings.from_env({**given, **(env or {})})
    # Nothing answers there: failed sign-ins are counted in this process.
    settings = replace(settings, redis_url=f"unix://{home}/nobody.sock")
    clock = Clock()
    vault = Vault(settings.secret_keys)
    runtime = Runtime(
        settings=settings,
        db=db,
        clock=clock,
        vault=vault,
        queue=Silent(),
        http=Client(clock=clock),
        crm=EmbeddedCRM(db=db, clock=clock, record=lambda _conn, _changes: None),
        integrations=INTEGRATIONS,
        verbs=VERBS,
        setups=Setups(db, vault, VERBS),
        outward=PUBLIC,
        inward=INTERNAL,
    )
    app = create_app(runtime)
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return House(runtime=runtime, app=app, clock=clock)
