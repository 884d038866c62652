"""`handshake: cloudevents`: an address is asked before it is told anything."""

import pytest

from tests.hooks.hooked import Hooked

WANTED = {"handshake": "cloudevents"}


def test_who_agrees_is_told_at_the_rate_it_grants_and_hears_who_asked(hooked: Hooked) -> None:
    hooked.receiver.agrees = {"WebHook-Allowed-Origin": "127.0.0.1", "WebHook-Allowed-Rate": "120"}
    made = hooked.subscribe(**WANTED, max_per_second=50)
    (asked,) = hooked.receiver.asked
    assert (asked["webhook-request-origin"], asked["webhook-request-rate"]) == ("127.0.0.1", "3000")
    assert (made["max_per_second"], made["handshake"]) == (2, "cloudevents")
    hooked.win("Proposal")
    (told,) = hooked.receiver.to("/in")
    assert told.headers["webhook-request-origin"] == "127.0.0.1"


@pytest.mark.parametrize(
    "answer",
    [{}, {"WebHook-Allowed-Origin": "other.example"}, {"WebHook-Allowed-Rate": "*"}],
)
def test_a_status_alone_is_no_consent(hooked: Hooked, answer: dict[str, str]) -> None:
    hooked.receiver.agrees = answer
    body = {"target_url": hooked.receiver.url, "event": "list_item.updated", **WANTED}
    refused = hooked.ask("POST", "/hooks", json=body)
    assert (refused.status_code, list(refused.json()["error"]["fields"])) == (422, ["handshake"])
    assert hooked.do("GET", "/hooks")["data"] == []


def test_everybody_may_mean_us_and_no_rate_is_ours(hooked: Hooked) -> None:
    hooked.receiver.agrees = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"}
    made = hooked.subscribe(**WANTED)
    assert made["max_per_second"] is None
    assert "webhook-request-rate" not in hooked.receiver.asked[0]


def test_another_address_is_asked_too_and_who_was_not_asked_is_not(hooked: Hooked) -> None:
    hooked.receiver.agrees = {"WebHook-Allowed-Origin": "*"}
    made = hooked.subscribe(**WANTED)
    plain = hooked.subscribe(path="/plain")
    assert len(hooked.receiver.asked) == 1
    hooked.receiver.agrees = {}
    moved = {"target_url": hooked.receiver.url + "/elsewhere"}
    assert hooked.ask("PATCH", f"/hooks/{made['id']}", json=moved).status_code == 422
    assert hooked.hook(made["id"])["target_url"].endswith("/in")
    assert hooked.ask("PATCH", f"/hooks/{plain['id']}", json=moved).status_code == 200


def test_an_address_that_must_not_be_called_is_not_asked(hooked: Hooked) -> None:
    for url, status in (("https://10.0.0.1/", 422), ("https://app.example.com/", 409)):
        body = {"target_url": url, "event": "list_item.updated", **WANTED}
        assert hooked.ask("POST", "/hooks", json=body).status_code == status
