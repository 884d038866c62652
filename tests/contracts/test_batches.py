"""A batch with one bad member: the good ones are read, the bad one says what is wrong with it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.integration import InboundRequest, SourceConfig
from relay.integrations import INTEGRATIONS

GOOD: dict[str, dict[str, Any]] = {
    "xero": {"eventCategory": "CONTACT", "eventType": "UPDATE", "tenantId": "t", "resourceId": "r",
             "eventDateUtc": "2026-11-24T08:58:09"},
    "hubspot": {"subscriptionType": "deal.deletion", "objectId": 1, "eventId": 2},
    "quickbooks": {"type": "qbo.customer.updated.v1", "intuitentityid": "1", "intuitaccountid": "2",
                   "time": "2026-11-24T08:58:09Z"},
}  # fmt: skip
PLACES = {
    "xero": r"events[1].eventCategory is missing",
    "hubspot": r"[1].subscriptionType is missing",
    "quickbooks": r"[1].type is missing",
}


def _parsed(name: str, *members: dict[str, Any]) -> list[ParsedEvent]:
    source = INTEGRATIONS[name].source
    assert source is not None
    body = {"events": members} if name == "xero" else members
    request = InboundRequest(
        method="POST", url="", headers={"content-type": "application/json"},
        body=json.dumps(body).encode(), received_at=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    config = SourceConfig(name=name)
    assert source.dedupe_key(request, config) == source.dedupe_key(request, config)
    return list(source.parse(request, config))


@pytest.mark.parametrize("name", GOOD)
def test_one_bad_member_takes_no_others_along(name: str) -> None:
    first, bad, last = _parsed(name, GOOD[name], {"odd": 1}, {**GOOD[name], "id": "z"})
    assert first.type == last.type != bad.type == f"{name}.unreadable"
    assert bad.body == {"sent": {"odd": 1}, "problem": PLACES[name]}


@pytest.mark.parametrize("name", GOOD)
def test_a_batch_in_which_nothing_can_be_read_is_unreadable(name: str) -> None:
    with pytest.raises(Unreadable, match=r"\[0\]"):
        _parsed(name, {"odd": 1}, {})
