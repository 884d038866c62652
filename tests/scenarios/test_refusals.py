"""The request inspector: what is refused is kept with the check that failed, and a flood of it does
not fill the store; a sender that brings its own secret; and samples that people send."""

import re
from datetime import UTC, datetime

import httpx
import pytest

from relay import first
from relay.cli.told import event as told
from relay.pipeline import arrange, explain, sample
from relay.storage import refusals, sources
from relay.storage.database import Database
from relay.storage.sources import SourceRow
from relay.storage.tables.base import load
from relay.storage.tables.events import payloads
from relay.storage.tables.events import refusals as counted
from relay.web.refusals import A_MINUTE, AN_HOUR, LARGEST
from tests.scenarios.house import House

KNOWN = "the-sender-s-own"


def _source(
    house: House, type: str, name: str, secret: str | None = KNOWN, **options: object
) -> SourceRow:
    new = arrange.NewSource(type=type, name=name, secret=secret, options=options)
    row, _ = arrange.create_source(house.runtime, house.made.org, new, by="test")
    return row


def test_a_forged_delivery_is_kept_with_the_check_that_failed_and_no_secret(
    one_house: House,
) -> None:
    house, row = one_house, _source(one_house, "xero", "forged")
    answer = house.post(
        row.name, content=b'{"events":[]}',
        headers={"x-xero-signature": "Zm9yZ2Vk", "authorization": "Bearer mine", "x-api-key": "k"},
    )  # fmt: skip
    assert (answer.status_code, answer.content) == (401, b"")
    assert "set-cookie" not in answer.headers
    (event,) = house.events(state="rejected", source_id=row.id)
    assert "no signature in x-xero-signature matches the request; expected" in event.reason
    assert "<base64 HMAC-SHA256 of {body}> under the source's secret" in event.reason
    (kept,) = house.rows(payloads, event_id=event.id)
    headers = load(kept.headers)
    assert headers["x-xero-signature"] == "Zm9yZ2Vk"
    assert "mine" not in kept.headers
    assert headers["x-api-key"] != "k"
    assert row.token not in kept.headers
    assert kept.body == b""
    story = explain.event(house.runtime, house.made.org, event.id)
    assert story["checked"]["proof"].startswith("refused: no signature in x-xero-signature")
    assert "refused: no signature" in told(story).plain
    auth = (house.made.key, house.made.secret)
    listed = httpx.get(f"{house.base_url}/api/v1/events", auth=auth, trust_env=False,
                       params={"state": "rejected", "source": row.name}).json()["data"]  # fmt: skip
    assert [(one["id"], one["reason"]) for one in listed] == [(f"evt_{event.id}", event.reason)]


def test_a_refused_body_is_kept_only_where_the_source_asks_for_it(one_house: House) -> None:
    row = _source(one_house, "typeform", "asked", keep_refused="yes")
    one_house.post(row.name, content=b"a" * (LARGEST + 10))
    (event,) = one_house.events(state="rejected", source_id=row.id)
    assert event.reason == "the header typeform-signature is missing"
    assert one_house.rows(payloads, event_id=event.id)[0].body == b"a" * LARGEST


def test_a_flood_of_forged_deliveries_is_counted_and_not_kept(
    one_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _source(one_house, "xero", "flooded")
    address = one_house.inbound(row.name)
    with httpx.Client(trust_env=False) as sender:
        for _ in range(A_MINUTE + 15):
            assert sender.post(address, content=b"{}").status_code == 401
        assert len(one_house.events(state="rejected", source_id=row.id)) == A_MINUTE
        monkeypatch.setattr("relay.web.refusals.EVERY", 0.0)  # the next is counted, not kept
        sender.post(address, content=b"{}")
    with one_house.runtime.db.read() as conn:
        found = refusals.refused(conn, one_house.made.org, row.id)
    assert found is not None
    assert (found.seen, found.kept) == (A_MINUTE + 16, A_MINUTE)


def test_all_processes_together_keep_so_many_an_hour(db: Database) -> None:
    at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    with db.write() as conn:
        for _ in range(AN_HOUR):
            kept = refusals.count(db, conn, 1, 7, at, 1, keep=True)
        assert kept == AN_HOUR
        assert refusals.count(db, conn, 1, 7, at, 5, keep=True) > AN_HOUR
        assert refusals.count(db, conn, 1, 7, at.replace(hour=10), 1, keep=True) == 1
        row = conn.execute(counted.select()).one()
    assert (row.seen, row.kept) == (1, 1)


def test_a_call_back_s_verifier_counts_once_freshbooks_has_confirmed_it(one_house: House) -> None:
    """The verifier is kept apart, encrypted; nothing signed with it passes before that."""
    house, made = one_house, _source(one_house, "freshbooks", "books", secret=None)
    brought = {"name": "callback.verify", "object_id": "2001", "account_id": "6BApk",
               "verifier": "brought-by-freshbooks"}  # fmt: skip
    assert house.post("books", data=brought).status_code == 200
    (event,) = house.events(source_id=made.id)
    assert b"brought-by-freshbooks" not in house.rows(payloads, event_id=event.id)[0].body
    now = house.runtime.clock.now()
    with house.runtime.db.write() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "books")
        assert row.config(now).secrets == []
        assert row.brought == {"2001": "brought-by-freshbooks"}
        sources.confirm_brought(conn, house.runtime.vault, house.made.org, row.id, "2001")
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "books")
    assert row.config(now).secrets == ["brought-by-freshbooks"]
    assert row.brought == {}


def test_a_flood_of_verifiers_is_told_to_come_again(one_house: House) -> None:
    row = _source(one_house, "freshbooks", "flood of verifiers", secret=None)
    answers = [
        one_house.post(row.name, data={"object_id": str(n), "verifier": f"v{n}"}).status_code
        for n in range(12)
    ]
    assert answers == [200] * 10 + [503] * 2


def test_a_rotated_secret_passes_beside_the_new_one_for_a_day(one_house: House) -> None:
    row = _source(one_house, "typeform", "rotated", secret="older")
    assert sample.send(one_house.runtime, row, by="test").state == "accepted"
    arrange.rotate_source(one_house.runtime, one_house.made.org, row.name, "newer", by="test")
    assert sample.send(one_house.runtime, row, by="test").status == 200  # signed with the older
    with one_house.runtime.db.read() as conn:
        rotated = sources.source_named(conn, one_house.runtime.vault, one_house.made.org, row.name)
    now = one_house.runtime.clock.now()
    assert rotated.config(now).secrets == ["newer", "older"]
    assert rotated.config(now + sources.OVERLAP).secrets == ["newer"]


def test_a_source_without_a_secret_is_tried_with_one_that_is_lent(one_house: House) -> None:
    row = _source(one_house, "stripe", "no secret yet", secret=None)
    assert sample.send(one_house.runtime, row, by="test").state == "accepted"
    with one_house.runtime.db.read() as conn:
        lent = sources.source_named(conn, one_house.runtime.vault, one_house.made.org, row.name)
    now = one_house.runtime.clock.now()
    assert (len(lent.config(now).secrets), lent.has_secret) == (1, False)
    assert lent.config(now + sample.LENT).secrets == []


def test_a_webhook_s_own_secret_signs_as_its_usual_scheme_asks(one_house: House) -> None:
    row = _source(one_house, "webhook", "own secret", secret=None)
    sent = sample.send(one_house.runtime, row, by="test")
    assert (sent.status, sent.state) == (202, "accepted")


def test_a_sample_is_sent_from_the_source_s_page_and_by_programs(one_house: House) -> None:
    """Only from a page of ours, and only by somebody who may."""
    house, row = one_house, _source(one_house, "netlify", "tried")
    with httpx.Client(base_url=house.base_url, trust_env=False) as person:
        token = _token(person.get("/login").text)
        signed_in = {"email": first.EMAIL, "password": house.made.password, "csrf_token": token}
        assert person.post("/login", data=signed_in).status_code == 302
        page = person.get("/sources/tried").text
        assert "Send a sample" in page
        assert person.post("/sources/tried/sample", data={}).status_code == 400
        shown = person.post("/sources/tried/sample", data={"csrf_token": _token(page)})
        (event,) = house.events(source_id=row.id)
        assert shown.headers["location"] == f"/events/evt_{event.id}"
    auth = (house.made.key, house.made.secret)
    again = httpx.post(f"{house.base_url}/api/v1/sources/tried/sample", auth=auth, json={},
                       trust_env=False).json()  # fmt: skip
    assert (again["accepted"], again["state"], again["case"]) == (True, "accepted", "contact")


def _token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]
