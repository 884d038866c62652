"""The first organization: what somebody finds who starts Relay for the first time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay import standard_webhooks
from relay.core import ids
from relay.crm.embedded import first
from relay.mapping import versions_of
from relay.runtime import Runtime
from relay.storage import connections, identity, mappings, sources

NAME = "First steps"
EMAIL = "owner@relay.example"
SALES_CHANNEL = "https://hooks.relay.example/sales"

WEBSITE = {
    "event": "form.submitted",
    "email": "${event.data.email}",
    "contact": {
        "name": "${event.data.name}",
        "phone": "${event.data.phone}",
        "company": "${event.data.company}",
    },
    "list": "Leads",
    "fields": {"account_name": "${event.data.company}"},
    "new": {"status": "New"},
    "stream": {
        "subject": "Filled in the form on the website",
        "body": "${event.data.name == null ? event.data.email : event.data.name} wrote to us.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What was made, with the secrets that are shown once."""

    org: int
    password: str
    key: str
    secret: str
    token: str


def seed(runtime: Runtime, conn: Connection, now: datetime) -> First:
    """Makes a test organization that has everything the worked examples need, but its rules."""
    org = identity.create_organization(conn, NAME, is_test=True, at=now)
    password = ids.token(9)
    owner = identity.create_user(
        conn, org, email=EMAIL, name="Robin Owner", role="owner", password=password, at=now
    )
    first.seed(conn, org, owner, now)
    key, secret = identity.create_key(conn, org, name="first key", by=EMAIL, at=now)
    _sandboxes(runtime, conn, org, now)
    token = _sources(runtime, conn, org, now)
    connections.create_target(
        conn,
        runtime.vault,
        org,
        name="sales-channel",
        url=SALES_CHANNEL,
        secret=standard_webhooks.new_secret(),
        at=now,
    )
    return First(org=org, password=password, key=key, secret=secret, token=token)


def _sandboxes(runtime: Runtime, conn: Connection, org: int, now: datetime) -> None:
    for name, integration in runtime.integrations.items():
        if integration.sandbox is not None:
            connections.create_connection(
                conn,
                runtime.vault,
                org,
                provider=name,
                name=name,
                base_url="",
                credentials=integration.sandbox.credentials,
                settings=integration.sandbox.settings,
                sandbox=True,
                at=now,
            )


def _sources(runtime: Runtime, conn: Connection, org: int, now: datetime) -> str:
    website = sources.create_source(
        conn,
        runtime.vault,
        org,
        type="webform",
        name="website",
        secret=None,
        mapping=WEBSITE,
        at=now,
    )
    versions = versions_of(website.id, website.name, website.mapping, runtime.verbs)
    mappings.keep_mapping(conn, org, website.id, versions)
    sources.create_source(
        conn, runtime.vault, org, type="fullcontact", name="cards", secret=None, at=now
    )
    for provider in ("quickbooks", "recurly", "zuora"):
        sources.create_source(
            conn,
            runtime.vault,
            org,
            type=provider,
            name=provider,
            secret=ids.token(),
            connection_id=connections.connection_named(conn, org, provider).id,
            at=now,
        )
    return website.token


def document(base_url: str, made: First) -> dict[str, Any]:
    """The welcome, as design section 2 fixes it."""
    url = f"{base_url}/in/webform/{made.token}"
    fields = "-d email=ann@example.com -d name='Ann Lee' -d company='Acme Ltd'"
    return {
        "url": base_url,
        "login": {"email": EMAIL, "password": made.password},
        "api": {"key": made.key, "secret": made.secret},
        "inbound": {"type": "webform", "url": url, "curl": f"curl -i {url} {fields}"},
    }
