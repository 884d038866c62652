"""Proof 3 and the bad input of the reference: whatever a receiver does, the others are told at
once, and nothing it sends is kept beyond a little."""

import time

import pytest

from relay.core.ids import public
from tests.hooks.hooked import Hooked
from tests.hooks.misbehaving import misbehaving

BAD = {
    "hang": "it took too long",
    "drip": "it took too long",
    "endless": None,
    "huge": None,
    "headers": "the connection broke",
    "redirect": "redirects are not followed",
    "nonsense": "the connection broke",
    "reset": "the connection broke",
}


def test_who_misbehaves_delays_nobody_and_is_told_why(hooked: Hooked) -> None:
    with misbehaving() as url:
        hooks = {}
        for name in BAD:
            body = {"target_url": f"{url}/{name}", "event": "list_item.updated", "timeout": 1}
            hooks[name] = hooked.do("POST", "/hooks", json=body)["id"]
        refused = {"target_url": "http://127.0.0.1:1/", "event": "list_item.updated"}
        hooks["refused"] = hooked.do("POST", "/hooks", json=refused)["id"]
        hooked.subscribe(path="/well")
        began = time.monotonic()
        hooked.house.set("Deals", "Northwind onboarding", "Status", "Proposal")
        hooked.house.engine.route([row.id for row in hooked.house.events(kind="transition")])
        while not hooked.receiver.to("/well") and time.monotonic() - began < 10:
            time.sleep(0.01)
        assert time.monotonic() - began < 5
        hooked.house.settle()
    for name, said in {**BAD, "refused": "the connection was refused"}.items():
        (row,) = hooked.deliveries(hooks[name])
        if said is None:  # 2xx at once: what follows is not read
            assert row.state == "delivered", name
            (one,) = hooked.attempts(row.id)
            assert len(one.response_body) < 20_010
            assert one.response_body.endswith(" … (cut)")
            assert one.took_ms < 1500
        else:
            assert row.state == "pending", name
            assert said in row.reason, (name, row.reason)
            assert row.attempts == 1


@pytest.mark.parametrize("url", ["https://nowhere.invalid/in", "https://127.0.0.1:%d/in"])
def test_a_name_that_is_nobodys_and_a_bad_certificate_are_failures(
    hooked: Hooked, url: str
) -> None:
    port = int(hooked.receiver.url.rpartition(":")[2])
    made = hooked.do(
        "POST",
        "/hooks",
        json={"target_url": url % port if "%d" in url else url, "event": "list_item.updated"},
    )
    hooked.win("Proposal")
    (row,) = hooked.deliveries(made["id"])
    # A test organization does not look names up: it calls allowed addresses by number alone.
    assert row.state == ("pending" if "%d" in url else "captured")
    if "%d" in url:
        assert "encrypted" in row.reason or "broke" in row.reason


def test_a_request_in_flight_may_finish_after_unsubscribing(hooked: Hooked) -> None:
    made = hooked.subscribe()
    gone = []

    def during(_: object) -> None:
        gone.append(hooked.do("DELETE", f"/hooks/{made['id']}"))

    hooked.receiver.answers = during  # type: ignore[assignment]
    hooked.win("Proposal")
    assert gone[0]["deleted"]
    (row,) = hooked.deliveries(made["id"])
    assert row.state == "delivered"
    assert public("hook", row.target_id) == made["id"]
