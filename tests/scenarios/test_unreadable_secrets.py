"""Secrets that cannot be read stop what needs them, and nothing else of their organization."""

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from relay.core.errors import Conflict
from relay.pipeline import arrange, connect, redeliver, sample, unreadable
from relay.pipeline.rules import texts_in
from relay.storage import connections
from relay.storage.identity import touch_config
from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.setup import connections as connection_rows
from relay.storage.tables.setup import sources as source_rows
from relay.storage.tables.setup import targets as target_rows
from relay.storage.vault import Vault
from tests.scenarios.house import RULES, House
from tests.serving import PLAIN

ME = "owner@relay.example"
TELL = """\
version: 1
rules:
  - id: tell-ops
    when: { changed: status, list: Deals, to: Proposal }
    do:
      - use: webhook.post
        with: { to: ops, body: { name: "${item.name}" } }
"""


@pytest.fixture
def house(small_house: House) -> House:
    """A source, a target and a connection were sealed under a key that is lost."""
    runtime, org = small_house.runtime, small_house.made.org
    arrange.add_target(runtime, org, "ops", "http://127.0.0.1:9/ops", by=ME)
    small_house.apply({**texts_in(RULES), "rules/tell.yaml": TELL})
    damage(small_house, source_rows, "cards")
    damage(small_house, target_rows, "ops")
    damage(small_house, connection_rows, "recurly")
    return small_house


def damage(house: House, table: Any, name: str, envelope: str | None = None) -> None:
    lost = envelope or Vault([b"a key that is lost".ljust(32)]).seal({}, bound_to=name)
    with house.runtime.db.write() as conn:
        mine = (table.c.org_id == house.made.org, table.c.name == name)
        conn.execute(update(table).where(*mine).values(sealed=lost))
        touch_config(conn, house.made.org)


def found(house: House) -> dict[str, str]:
    with house.runtime.db.read() as conn:
        all_of_them = unreadable.unreadable(house.runtime, conn, house.made.org)
    return {f"{one.kind} {one.name}": one.problem for one in all_of_them}


def test_everything_else_of_the_organization_goes_on(house: House) -> None:
    told = found(house)
    assert list(told) == ["connection recurly", "source cards", "target ops"]
    assert all("which is not in RELAY_SECRET_KEYS" in why for why in told.values())
    assert told["source cards"].endswith("relay source rotate cards")
    assert house.post("website", data={"email": "ann@example.com"}).status_code == 202
    house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    house.settle()
    assert [row.state for row in house.bookings()] == ["booked"]
    assert house.item("Leads", "ann@example.com")


def test_a_damaged_row_is_no_more_than_a_lost_key(house: House) -> None:
    for envelope in ("", "v1.x", "v1.00000000.AAAA", "nonsense"):
        damage(house, source_rows, "website", envelope)
        assert "source website" in found(house)


def test_a_source_turns_its_sender_away_until_it_has_a_new_address(house: House) -> None:
    runtime, org = house.runtime, house.made.org
    with pytest.raises(Conflict, match="relay source rotate cards"):
        sample.send(runtime, house.source("cards"), by=ME)
    row, secret = arrange.rotate_source(runtime, org, "cards", None, by=ME)
    assert row.problem is None
    assert row.token
    assert found(house).keys() == {"connection recurly", "target ops"}
    sent = sample.send(runtime, house.source("cards"), by=ME)
    assert sent.status in (200, 202)
    assert secret is None or house.source("cards").has_secret


def test_the_door_says_come_again(house: House) -> None:
    address = house.inbound("website")
    damage(house, source_rows, "website")
    answer = httpx.post(address, data={"email": "x@example.com"}, trust_env=False, verify=PLAIN)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_message_to_a_target_says_why_it_was_not_sent_and_is_sent_when_it_can_be(
    house: House,
) -> None:
    house.set("Deals", "Granite workshop", "Status", "Proposal")
    house.settle()
    (message,) = house.rows(deliveries, target_kind="target")
    assert (message.state, message.attempts) == ("failed", 0)
    assert "the target ops were encrypted under key" in message.reason
    arrange.rotate_target(house.runtime, house.made.org, "ops", by=ME)
    redeliver.resend(house.runtime, house.made.org, message.id, by=ME)
    house.settle()
    (message,) = house.rows(deliveries, target_kind="target")
    assert message.attempts == 1, "nobody answers there, but it was signed and sent"


def test_a_connection_waits_for_its_secrets_and_then_goes_on(house: House) -> None:
    runtime, org = house.runtime, house.made.org
    house.set("Deals", "Larkspur annual plan", "Status", "Deal Won")
    house.settle()
    assert [run.state for run in house.runs("deal-won-subscription")] == ["held"]
    with runtime.db.read() as conn:
        row = connections.connection_named(conn, org, "recurly")
    assert row.state == "needs_reconnect"
    assert "or connect it again" in str(row.reason)
    _, freed = connect.reconnect(runtime, org, "recurly", {}, by=ME)
    house.settle()
    assert freed == 1
    assert len(house.books("recurly")) == 1
