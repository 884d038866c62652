"""Delivery that can be trusted: tried again, kept in order, held, sent again, and never to where it
must not go."""

import time
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook
from svix.webhooks import Webhook as Svix

from relay.core.clock import SystemClock
from relay.core.errors import BadSignature
from relay.core.ids import number
from relay.pipeline import payloads
from relay.storage.hooks import set_hook_state
from relay.storage.identity import touch_config
from relay.storage.tables.hooks import hook_health, hooks
from relay.storage.tables.identity import audit_log
from tests.hooks.hooked import DEAL, Hooked
from tests.hooks.receiver import Request


def test_what_failed_is_tried_again_under_the_same_id(both: Hooked) -> None:
    both.receiver.always(500)
    made = both.subscribe()
    both.win("Proposal")
    both.receiver.always(204)
    both.later()
    first, second = both.receiver.to("/in")
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert [one.headers["webhook-attempt"] for one in (first, second)] == ["1", "2"]
    (row,) = both.deliveries(made["id"])
    assert (row.state, row.attempts, row.last_status) == ("delivered", 2, 204)
    assert [one.status for one in both.attempts(row.id)] == [500, 204]


def test_410_deletes_a_programs_hook_and_cancels_what_waits(hooked: Hooked) -> None:
    hooked.receiver.always(500)
    made = hooked.subscribe()
    hooked.win("Proposal")
    hooked.receiver.always(410)
    hooked.win("Lead")
    assert hooked.ask("GET", f"/hooks/{made['id']}").status_code == 404
    states = {row.state for row in hooked.deliveries(made["id"])}
    assert states == {"cancelled", "failed"}
    hooked.later()
    assert len(hooked.receiver.to("/in")) == 2
    assert "hook deleted" in {row.action for row in hooked.house.rows(audit_log)}


def test_a_receiver_disables_its_hook_and_what_follows_is_held(hooked: Hooked) -> None:
    hooked.receiver.always(200, webhook_delivery="disable")
    made = hooked.subscribe()
    hooked.win("Proposal")
    hooked.win("Lead")
    assert hooked.hook(made["id"])["state"] == "disabled"
    assert [row.state for row in hooked.deliveries(made["id"])] == ["delivered", "held"]


def test_held_messages_are_sent_when_somebody_asks(both: Hooked) -> None:
    made = both.subscribe()
    both.do("POST", f"/hooks/{made['id']}/pause")
    both.win("Proposal")
    both.do("POST", f"/hooks/{made['id']}/enable")
    both.house.settle()
    assert both.receiver.requests == []
    order = both.do("POST", f"/hooks/{made['id']}/recover", json={})
    both.house.settle()
    assert len(both.receiver.to("/in")) == 1
    after = both.do("GET", f"/redeliveries/{order['id']}")
    assert (after["state"], after["outcomes"]) == ("done", {"delivered": 1})


def test_who_subscribed_later_gets_what_was_missed(both: Hooked) -> None:
    both.subscribe(path="/early")
    both.win("Proposal")
    late = both.subscribe(path="/late")
    since = (SystemClock().now() - timedelta(hours=1)).isoformat()
    for _ in range(2):
        both.do("POST", f"/hooks/{late['id']}/missing", json={"since": since})
        both.house.settle()
    (early,), (told,) = both.receiver.to("/early"), both.receiver.to("/late")
    assert told.json == early.json
    assert told.headers["webhook-id"] == early.headers["webhook-id"]


def test_an_order_to_send_again_can_be_cancelled(hooked: Hooked) -> None:
    made = hooked.subscribe()
    hooked.do("POST", f"/hooks/{made['id']}/pause")
    hooked.win("Proposal")
    order = hooked.do("POST", "/deliveries/replay", json={"hook": made["id"], "states": ["held"]})
    cancelled = hooked.do("POST", f"/redeliveries/{order['id']}/cancel")
    hooked.house.settle()
    assert (cancelled["state"], cancelled["outcomes"]) == ("cancelled", {"cancelled": 1})
    assert hooked.receiver.requests == []


def test_a_try_by_hand_moves_nothing_and_schedules_nothing(hooked: Hooked) -> None:
    hooked.receiver.always(500)
    made = hooked.subscribe(schedule="none")
    hooked.win("Proposal")
    (row,) = hooked.deliveries(made["id"])
    before = hooked.health(made["id"])
    hooked.do("POST", f"/deliveries/dlv_{row.id}/replay", json={})
    hooked.house.settle()
    (row,) = hooked.deliveries(made["id"])
    assert (row.state, row.attempts) == ("failed", 2)
    assert [one.trigger for one in hooked.attempts(row.id)] == ["schedule", "manual"]
    assert hooked.health(made["id"]) == before
    hooked.receiver.always(204)
    hooked.do("POST", f"/deliveries/dlv_{row.id}/replay", json={})
    hooked.house.settle()
    assert hooked.deliveries(made["id"])[0].state == "delivered"
    assert hooked.health(made["id"]) == before
    again = hooked.ask("POST", f"/deliveries/dlv_{row.id}/replay", json={})
    assert (again.status_code, "force" in again.text) == (409, True)


def test_a_try_by_hand_comes_before_its_schedule_and_leaves_it_as_it_was(both: Hooked) -> None:
    both.receiver.always(500)
    made = both.subscribe()
    both.win("Proposal")
    (row,) = both.deliveries(made["id"])
    before = both.health(made["id"])
    both.do("POST", f"/hooks/{made['id']}/pause")
    both.do("POST", f"/deliveries/dlv_{row.id}/replay", json={})
    both.house.settle()
    (tried,) = both.deliveries(made["id"])
    assert (tried.state, tried.attempts) == ("pending", 2)
    assert abs(tried.next_at - row.next_at) < timedelta(seconds=1)
    assert [one.trigger for one in both.attempts(row.id)] == ["schedule", "manual"]
    assert both.health(made["id"]) == before
    both.do("POST", f"/hooks/{made['id']}/enable")
    both.later()
    (tried,) = both.deliveries(made["id"])
    assert (tried.state, tried.attempts) == ("pending", 3)


def test_what_was_delivered_is_sent_again_in_bulk_by_force_alone(hooked: Hooked) -> None:
    made = hooked.subscribe()
    hooked.win("Proposal")
    chosen = {"hook": made["id"], "states": ["delivered"]}
    refused = hooked.ask("POST", "/deliveries/replay", json=chosen)
    assert (refused.status_code, "force" in refused.text) == (409, True)
    hooked.do("POST", "/deliveries/replay", json={**chosen, "force": True})
    hooked.house.settle()
    first, second = hooked.receiver.to("/in")
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_secret_that_cannot_be_read_is_our_fault_and_stops_one_hook_alone(
    hooked: Hooked,
) -> None:
    broken, well = hooked.subscribe(path="/broken"), hooked.subscribe(path="/well")
    before = hooked.health(broken["id"])
    with hooked.house.runtime.db.write() as conn:
        row = conn.execute(select(hooks).where(hooks.c.id == number("hook", well["id"]))).one()
        mine = update(hooks).where(hooks.c.id == number("hook", broken["id"]))
        conn.execute(mine.values(sealed=row.sealed))
        touch_config(conn, row.org_id)
    hooked.win("Proposal")
    assert [one.path for one in hooked.receiver.requests] == ["/well"]
    (row,) = hooked.deliveries(broken["id"])
    assert (row.state, row.attempts) == ("failed", 0)
    assert row.reason.startswith("Relay cannot sign it: ")
    assert hooked.health(broken["id"]) == before
    refused = hooked.ask("PATCH", f"/hooks/{broken['id']}", json={"timeout": 3})
    assert refused.status_code == 409
    hooked.do("POST", f"/hooks/{broken['id']}/rotate", json={})
    hooked.do("POST", f"/hooks/{broken['id']}/recover", json={})
    hooked.house.settle()
    assert len(hooked.receiver.to("/broken")) == 1


def test_operations_hear_what_was_not_taken_and_what_its_receiver_said(hooked: Hooked) -> None:
    made = hooked.subscribe(schedule=[1, 1, 1, 1], path="/in")
    hooked.subscribe("message.*", path="/operations")
    answers = iter([*[(503, {}, b"closed")] * 4, (204, {}, b"")])
    hooked.receiver.answers = lambda one: next(answers) if one.path == "/in" else None
    hooked.win("Proposal")
    for _ in range(4):
        hooked.later()
    (row,) = hooked.deliveries(made["id"])
    failing, recovered = [one.json for one in hooked.receiver.to("/operations")]
    for told in (failing, recovered):
        assert (told["message_id"], told["message_type"]) == (row.message_id, "list_item.updated")
        assert told["link"].endswith(f"/hooks/{made['id']}")
    assert (failing["count"], failing["last_status"]) == (4, 503)
    assert failing["last_response"] == "closed"
    assert (recovered["count"], recovered["last_status"]) == (5, 204)


def test_a_program_that_subscribes_again_enables_its_hook_and_operations_hear_of_it(
    hooked: Hooked,
) -> None:
    made = hooked.subscribe()
    hooked.subscribe("endpoint.enabled", path="/operations")
    with hooked.house.runtime.db.write() as conn:
        set_hook_state(
            conn, hooked.house.made.org, number("hook", made["id"]), "disabled", "failing"
        )
    assert hooked.subscribe()["state"] == "active"
    hooked.house.settle()
    (told,) = hooked.receiver.to("/operations")
    assert told.json["hook_id"] == made["id"]


def test_messages_of_one_key_arrive_in_order_whatever_fails(both: Hooked) -> None:
    """Proof 6: per key gap-free and in order, while another key flows."""
    said: dict[str, int] = {}

    def sometimes(request: Request) -> tuple[int, dict[str, str], bytes] | None:
        item = request.json["item_id"]
        said[item] = said.get(item, 0) + 1
        return (500, {}, b"") if request.json["name"] == DEAL and said[item] % 2 else None

    both.receiver.answers = sometimes
    both.subscribe(ordering="key", filter={"list_id": "Deals"})
    other = "Granite workshop"
    for status in ("Proposal", "Lead", "Proposal"):
        both.win(status)
        both.win(status, name=other)
    assert len([one for one in both.receiver.to("/in") if one.json["name"] == other]) == 3
    for _ in range(4):
        both.later()
    took = [one for one in both.receiver.to("/in") if one.json["name"] == DEAL]
    assert [one.headers["webhook-sequence"] for one in took] == ["1", "1", "2", "2", "3", "3"]


def test_a_key_that_blocks_waits_for_a_person(hooked: Hooked) -> None:
    hooked.receiver.always(500)
    made = hooked.subscribe(ordering="key", on_exhausted="block", schedule="none")
    hooked.win("Proposal")
    hooked.win("Lead")
    first, second = hooked.deliveries(made["id"])
    assert (first.state, second.state) == ("failed", "pending")
    hooked.receiver.always(204)
    hooked.do("POST", f"/deliveries/dlv_{first.id}/replay", json={})
    hooked.house.settle()
    assert [row.state for row in hooked.deliveries(made["id"])] == ["delivered"] * 2


@pytest.mark.parametrize("scheme", ["hmac", "ed25519"])
def test_two_other_libraries_take_our_signatures_in_every_state_of_rotation(
    hooked: Hooked, scheme: str
) -> None:
    """Proof 8. The libraries know shared secrets; public keys are checked by our own verifier."""
    made = hooked.subscribe(scheme=scheme)
    secrets = [made["secret"]]
    hooked.win("Proposal")
    for status in ("Lead", "Proposal"):
        rotated = hooked.do("POST", f"/hooks/{made['id']}/rotate", json={"overlap_seconds": 3600})
        secrets.insert(0, rotated["secret"])
        hooked.win(status)
    hooked.do("POST", f"/hooks/{made['id']}/rotate", json={"overlap_seconds": 0, "scheme": "hmac"})
    for n, told in enumerate(hooked.receiver.to("/in")):
        counting = secrets[len(secrets) - 1 - n :]
        assert len(told.headers["webhook-signature"].split(" ")) == n + 1
        for secret in counting:
            told.verify(secret)
            if scheme == "hmac":
                svix = {name.replace("webhook-", "svix-"): v for name, v in told.headers.items()}
                Webhook(secret).verify(told.body, dict(told.headers))
                Svix(secret).verify(told.body, svix)
    hooked.win("Negotiation")
    last = hooked.receiver.to("/in")[-1]
    assert len(last.headers["webhook-signature"].split(" ")) == 1
    with pytest.raises(BadSignature):
        last.verify(secrets[0])


def test_own_headers_are_sent_and_shown_by_name_alone(hooked: Hooked) -> None:
    made = hooked.subscribe(headers={"Authorization": "Bearer abc"})
    hooked.win("Proposal")
    assert hooked.receiver.to("/in")[0].headers["authorization"] == "Bearer abc"
    assert made["headers"] == ["authorization"]
    assert "Bearer abc" not in hooked.ask("GET", "/hooks").text


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-id": "x"},
        {"Host": "a"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"x\r\ny": "1"},
        {"x-a": "1\r\nwebhook-id: forged"},
        {"x-a": "é"},
        {"": "1"},
        {"x-a": "1" * 5000},
        {f"x-{n}": "1" * 4000 for n in range(5)},
    ],
)
def test_headers_that_would_forge_a_message_are_refused(
    hooked: Hooked, headers: dict[str, str]
) -> None:
    body = {"target_url": hooked.receiver.url, "event": "list_item.updated", "headers": headers}
    answer = hooked.ask("POST", "/hooks", json=body)
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["headers"])


def test_a_message_that_is_too_large_becomes_its_address(
    hooked: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "LARGEST", 200)
    hooked.subscribe()
    hooked.win("Proposal")
    (told,) = hooked.receiver.to("/in")
    assert told.json["is_thin"] is True
    made = hooked.house.made
    whole = httpx.get(told.json["url"], auth=(made.key, made.secret), trust_env=False)
    assert whole.json()["changed"]["status"]["to"] == "Proposal"
    assert whole.json()["id"] == told.json["id"]


def test_a_dead_hook_is_disabled_and_operations_hear_of_it(both: Hooked) -> None:
    made = both.subscribe(path="/dead")
    both.subscribe("endpoint.*", path="/operations")
    both.receiver.answers = lambda one: (503, {}, b"") if one.path == "/dead" else None
    now = SystemClock().now()
    with both.house.runtime.db.write() as conn:
        conn.execute(
            update(hook_health)
            .where(hook_health.c.hook_id == number("hook", made["id"]))
            .values(
                failures=9,
                last_success_at=now - timedelta(days=6),
                first_failure_at=now - timedelta(days=2),
            )
        )
    both.win("Proposal")
    found = both.hook(made["id"])
    assert (found["state"], found["reason"]) == ("disabled", "failing: no success for 5 days")
    both.house.settle()
    (told,) = both.receiver.to("/operations")
    assert told.headers["webhook-event-type"] == "endpoint.disabled"
    assert (told.json["hook_id"], told.json["event"]) == (made["id"], "list_item.updated")
    both.later()
    (waiting,) = both.deliveries(made["id"])
    assert waiting.state == "held"


def test_an_operations_hook_hears_nothing_of_itself(hooked: Hooked) -> None:
    made = hooked.subscribe("endpoint.*", path="/operations")
    hooked.do("POST", f"/hooks/{made['id']}/rotate", json={})
    hooked.house.settle()
    assert hooked.receiver.requests == []


def test_the_breaker_holds_back_and_counts_no_try(hooked: Hooked) -> None:
    made = hooked.subscribe()
    now = SystemClock().now()
    with hooked.house.runtime.db.write() as conn:
        conn.execute(
            update(hook_health)
            .where(hook_health.c.hook_id == number("hook", made["id"]))
            .values(open_seconds=30, open_until=now + timedelta(seconds=30))
        )
    hooked.win("Proposal")
    (row,) = hooked.deliveries(made["id"])
    assert (row.state, row.attempts, hooked.receiver.requests) == ("pending", 0, [])


def test_a_rate_is_kept_and_nothing_is_lost(both: Hooked) -> None:
    made = both.subscribe(max_per_second=2, filter={"list_id": "Deals"})
    names = (DEAL, "Larkspur annual plan", "Granite workshop", "Northwind onboarding")
    for n, name in enumerate(names * 2):
        both.house.set("Deals", name, "Amount", str(1000 + n))
    both.house.settle()
    early = len(both.receiver.to("/in"))
    assert early < len(both.deliveries(made["id"]))
    until = time.monotonic() + 20
    while time.monotonic() < until and {r.state for r in both.deliveries(made["id"])} != {
        "delivered"
    }:
        time.sleep(0.1)
    rows = both.deliveries(made["id"])
    assert {row.state for row in rows} == {"delivered"}
    assert {row.attempts for row in rows} == {1}


def test_zapier_is_never_sent_more_than_it_takes(hooked: Hooked) -> None:
    body = {"target_url": "https://hooks.zapier.com/hooks/standard/1/a/", "event": "deal.*"}
    assert hooked.do("POST", "/hooks", json=body)["max_per_second"] == 25


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/",
        "https://user:pass@app.example.com/",
        "https://2130706433/",
        "https://0x7f.1/",
        "ftp://app.example.com/",
        "https://app.example.com:22/\r\n",
    ],
)
def test_addresses_that_must_not_be_called_are_refused_when_they_are_saved(
    hooked: Hooked, url: str
) -> None:
    body = {"target_url": url, "event": "list_item.updated"}
    answer = hooked.ask("POST", "/hooks", json=body)
    assert answer.status_code == 422
    assert answer.json()["message"]


def test_a_test_organization_calls_allowed_addresses_only(hooked: Hooked) -> None:
    body = {"target_url": "https://app.example.com/in", "event": "list_item.updated"}
    made = hooked.do("POST", "/hooks", json=body)
    hooked.win("Proposal")
    assert [row.state for row in hooked.deliveries(made["id"])] == ["captured"]
    assert hooked.ask("POST", f"/hooks/{made['id']}/test").status_code == 409


def test_a_sample_is_sent_on_request_and_its_answer_shown(hooked: Hooked) -> None:
    made = hooked.subscribe()
    hooked.receiver.always(418)
    found = hooked.do("POST", f"/hooks/{made['id']}/test")
    assert found["status"] == 418
    hooked.receiver.to("/in")[0].verify(made["secret"])
    sample = hooked.do("GET", "/hooks/samples?event=list_item.updated")
    assert isinstance(sample, list)
    assert hooked.receiver.to("/in")[0].json.keys() == sample[0].keys()
