"""/metrics: what came in, what was tried, what waits; for loopback and for who has the token."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from relay.pipeline import measuring
from relay.web.app import create_app
from tests.hooks.hooked import Hooked, open_hooked
from tests.hooks.receiver import receiving
from tests.stores import Store

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def hooked(store: Store, tmp_path: Path) -> Iterator[Hooked]:
    with receiving() as receiver, open_hooked(store, tmp_path, receiver) as opened:
        yield opened


def figures(hooked: Hooked) -> Figures:
    answer = httpx.get(f"{hooked.house.base_url}/metrics", trust_env=False)
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(found: Figures, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def test_what_came_in_and_what_was_tried_is_counted_and_timed(hooked: Hooked) -> None:
    hooked.subscribe("form.submitted")
    hooked.subscribe("form.submitted", path="/bad")
    hooked.receiver.answers = lambda one: (500, {}, b"") if one.path == "/bad" else None
    hooked.house.post("website", data={"email": "kim@example.com", "submission_id": "1"})
    hooked.house.post("website", data={"email": "kim@example.com", "submission_id": "1"})
    hooked.house.post("quickbooks", content=b"{}")
    hooked.house.settle()
    hooked.later()
    found = figures(hooked)
    inbound = "inbound_requests_total"
    assert of(found, inbound, source="webform", outcome="accepted") == 1
    assert of(found, inbound, source="webform", outcome="duplicate") == 1
    assert of(found, inbound, source="quickbooks", outcome="refused") == 1
    assert of(found, "inbound_accept_seconds_count") == 2
    tries = "deliveries_total"
    assert of(found, tries, outcome="delivered", attempt="1") == 1
    assert of(found, tries, outcome="retried", attempt="1") == 1
    assert of(found, tries, outcome="retried", attempt="2") == 1
    assert of(found, "delivery_seconds_count") == 3
    assert of(found, "delivery_seconds_bucket", le="+Inf") == 3
    assert of(found, "delivery_lag_seconds_count", lane="first") == 2
    assert of(found, "delivery_lag_seconds_count", lane="later") == 1
    assert of(found, "queue_depth", lane="delivery_later", state="later") == 1
    assert of(found, "oldest_due_age_seconds", lane="delivery_later") == 0
    assert of(found, "breaker_state", state="closed") == 2
    assert of(found, "endpoint_inflight") == of(found, "dead_letters") == 0
    assert of(found, "sweeper_rescued_total") == 0
    again = figures(hooked)
    assert of(again, inbound, source="webform", outcome="accepted") == 1
    assert not any("example" in value for _, labels in found for _, value in labels)


def test_an_event_that_nobody_was_woken_for_is_counted(hooked: Hooked) -> None:
    hooked.house.post("website", data={"email": "kim@example.com"})
    hooked.house.later()
    hooked.house.engine.sweep()
    assert of(figures(hooked), "sweeper_rescued_total") == 1


def test_what_could_not_be_written_is_kept_for_the_next_time(hooked: Hooked) -> None:
    runtime = hooked.house.runtime
    runtime.measures.count(measuring.INBOUND, source="webform", outcome="accepted")
    broken = replace(runtime, db=None)  # type: ignore[arg-type]  # a store that is away
    measuring.keep(broken)
    found = figures(hooked)
    assert of(found, "inbound_requests_total", source="webform", outcome="accepted") == 1


def test_a_stranger_needs_the_token(hooked: Hooked) -> None:
    runtime = hooked.house.runtime
    settings = replace(runtime.settings, metrics_token="s3cret")
    client = create_app(replace(runtime, settings=settings)).test_client()
    outside = {"REMOTE_ADDR": "198.51.100.7"}

    def ask(**headers: str) -> int:
        return client.get("/metrics", environ_base=outside, headers=headers).status_code

    assert ask() == ask(Authorization="Bearer wrong") == 403
    near = client.get("/metrics", headers={"X-Forwarded-For": "198.51.100.7"})
    assert near.status_code == 403  # through a proxy beside us
    assert ask(Authorization="Bearer s3cret") == 200
