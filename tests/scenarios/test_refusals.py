"""The request inspector: what is refused is kept with the check that failed, and a flood of it does
not fill the store; and a sender that brings its own secret."""

from datetime import UTC, datetime

import httpx
import pytest

from relay.cli.told import event as told
from relay.pipeline import arrange, explain
from relay.storage import refusals, sources
from relay.storage.tables.base import load
from relay.storage.tables.events import payloads
from relay.storage.tables.events import refusals as counted
from relay.web.refusals import A_MINUTE, AN_HOUR, LARGEST
from tests.scenarios.house import House


def _source(house: House, type: str, **options: object) -> str:
    new = arrange.NewSource(type=type, name="watched", secret="s3cret", options=options)
    row, _ = arrange.create_source(house.runtime, house.made.org, new, by="test")
    return row.name


def test_a_forged_delivery_is_kept_with_the_check_that_failed_and_no_secret(house: House) -> None:
    name = _source(house, "xero")
    answer = house.post(
        name, content=b'{"events":[]}',
        headers={"x-xero-signature": "Zm9yZ2Vk", "authorization": "Bearer mine", "x-api-key": "k"},
    )  # fmt: skip
    assert (answer.status_code, answer.content) == (401, b"")
    assert "set-cookie" not in answer.headers
    (event,) = house.events(state="rejected")
    assert "no signature in x-xero-signature matches the request; expected" in event.reason
    assert "<base64 HMAC-SHA256 of {body}> under the source's secret" in event.reason
    (kept,) = house.rows(payloads, event_id=event.id)
    headers = load(kept.headers)
    assert headers["x-xero-signature"] == "Zm9yZ2Vk"
    assert "mine" not in kept.headers
    assert headers["x-api-key"] != "k"
    assert kept.body == b""
    token = house.inbound(name).rsplit("/", 1)[1]
    assert token not in kept.headers
    story = explain.event(house.runtime, house.made.org, event.id)
    assert story["checked"]["proof"].startswith("refused: no signature in x-xero-signature")
    assert "refused: no signature" in told(story).plain


def test_a_refused_body_is_kept_only_where_the_source_asks_for_it(house: House) -> None:
    name = _source(house, "typeform", keep_refused="yes")
    house.post(name, content=b"a" * (LARGEST + 10))
    (event,) = house.events(state="rejected")
    assert event.reason == "the header typeform-signature is missing"
    assert house.rows(payloads, event_id=event.id)[0].body == b"a" * LARGEST


def test_a_flood_of_forged_deliveries_is_counted_and_not_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = _source(house, "xero")
    with httpx.Client(trust_env=False) as sender:
        for _ in range(A_MINUTE + 15):
            assert sender.post(house.inbound(name), content=b"{}").status_code == 401
        assert len(house.events(state="rejected")) == A_MINUTE
        monkeypatch.setattr("relay.web.refusals.MINUTE", -1.0)  # the minute is over
        sender.post(house.inbound(name), content=b"{}")
    with house.runtime.db.read() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.made.org, name)
        found = refusals.refused(conn, house.made.org, row.id)
    assert found is not None
    assert (found.seen, found.kept) == (A_MINUTE + 16, A_MINUTE + 1)


def test_all_processes_together_keep_so_many_an_hour(house: House) -> None:
    db, org = house.runtime.db, house.made.org
    at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    with db.write() as conn:
        for _ in range(AN_HOUR):
            kept = refusals.count(db, conn, org, 1, at, 1)
        assert kept == AN_HOUR
        assert refusals.count(db, conn, org, 1, at, 5) > AN_HOUR
        assert refusals.count(db, conn, org, 1, at.replace(hour=10), 1) == 1
    (row,) = house.rows(counted)
    assert (row.seen, row.kept) == (1, 1)


def test_a_call_back_s_verifier_counts_once_freshbooks_has_confirmed_it(house: House) -> None:
    """The verifier is kept apart, encrypted; nothing signed with it passes before that."""
    new = arrange.NewSource(type="freshbooks", name="books")
    arrange.create_source(house.runtime, house.made.org, new, by="test")
    brought = {"name": "callback.verify", "object_id": "2001", "account_id": "6BApk",
               "verifier": "brought-by-freshbooks"}  # fmt: skip
    assert house.post("books", data=brought).status_code == 200
    (kept,) = house.rows(payloads)
    assert b"brought-by-freshbooks" not in kept.body
    with house.runtime.db.write() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "books")
        assert row.config(house.runtime.clock.now()).secrets == []
        assert row.brought == {"2001": "brought-by-freshbooks"}
        sources.confirm_brought(conn, house.runtime.vault, house.made.org, row.id, "2001")
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "books")
    assert row.config(house.runtime.clock.now()).secrets == ["brought-by-freshbooks"]
    assert row.brought == {}


def test_a_flood_of_verifiers_is_told_to_come_again(house: House) -> None:
    new = arrange.NewSource(type="freshbooks", name="books")
    arrange.create_source(house.runtime, house.made.org, new, by="test")
    answers = [
        house.post("books", data={"object_id": str(n), "verifier": f"v{n}"}).status_code
        for n in range(12)
    ]
    assert answers == [200] * 10 + [503] * 2
