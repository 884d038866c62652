"""Rules that are tried on every item of a list elsewhere: by the clock, or on request."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from relay.core.errors import InvalidInput
from relay.pipeline import backfill, due, rules
from relay.pipeline.backfill import Asked
from relay.pipeline.planned import PAGE
from relay.storage.tables.base import load
from relay.storage.tables.deadlines import schedules
from relay.storage.tables.events import event_outcomes, events, payloads
from tests.standin.crm import BEA, DEALS
from tests.watch.post import Post

TEXT = """\
version: 1
rules:
  - id: monday
    when: { scheduled: "0 8 * * MON", list: Deals }
    if: item.status == "Negotiation" && contact.email != null
    do: [{ use: stop, with: { reason: "${account.name}" } }]
"""
NEGOTIATION, WON = "1", "2"


def fill(post: Post) -> None:
    """A list of more than a page; what one of its items says in full."""
    for number in range(PAGE + 5):
        post.crm.item(DEALS, f"deal {number}", f0=WON)
    ann = post.crm.contact("Ann Lee", "ann@example.com")
    northwind = post.crm.account("Northwind Ltd")
    post.crm.item(DEALS, "Northwind", f0=NEGOTIATION, f1=BEA, contact=ann, account=northwind)
    post.crm.item(DEALS, "nobody's", f0=NEGOTIATION)
    post.look()
    rules.apply(post.runtime, post.org, {"rules/monday.yaml": TEXT}, by="me")


def ticks(post: Post) -> list[Any]:
    """What the events of the list's items say."""
    query = (
        select(payloads.c.body)
        .join(events, events.c.id == payloads.c.event_id)
        .where(events.c.kind == "tick", events.c.okey.is_not(None))
    )
    with post.runtime.db.read() as conn:
        return [load(row.body.decode()) for row in conn.execute(query)]


def reasons(post: Post) -> list[str]:
    with post.runtime.db.read() as conn:
        return list(conn.execute(select(event_outcomes.c.reason)).scalars())


def strike(post: Post) -> None:
    """A week goes by, and a worker sweeps."""
    with post.runtime.db.write() as conn:
        past = post.runtime.clock.now() - timedelta(minutes=1)
        conn.execute(update(schedules).values(next_at=past))
    due.fire(post.runtime)


def test_a_schedule_goes_through_a_list_elsewhere_as_it_is_then(post: Post) -> None:
    fill(post)
    strike(post)
    assert ticks(post) == [], "the watch looks first at what changed"
    late = next(one for one in post.crm.items[DEALS] if one["name"] == "deal 7")
    late["contactIds"] = [post.crm.contacts[0]["id"]]
    post.crm.set(late, "0", NEGOTIATION)
    post.look()
    found = {one["about"]: one["record"] for one in ticks(post)}
    assert set(found) == {"deal 7", "Northwind"}
    record = found["Northwind"]
    assert record["account"]["name"] == "Northwind Ltd"
    assert record["contact"]["email"] == "ann@example.com"
    assert record["item"]["owner"]["name"] == "Bea Ortiz"
    assert f"2 of {PAGE + 7} items of Deals" in reasons(post)
    with post.runtime.db.read() as conn:
        (row,) = conn.execute(select(schedules)).all()
    assert row.progress is None
    assert row.next_at > post.runtime.clock.now()
    post.look()
    assert len(ticks(post)) == 2


def test_a_time_that_strikes_while_the_list_is_gone_through_is_passed_over(post: Post) -> None:
    fill(post)
    strike(post)
    strike(post)
    post.look()
    assert [one["about"] for one in ticks(post)] == ["Northwind"]


def test_a_backfill_runs_on_items_that_are_elsewhere(post: Post) -> None:
    fill(post)
    asked = Asked(rule="monday", list="Deals", where="account.name != null")
    told = backfill.count(post.runtime, post.org, asked)
    assert (told["items"], told["chosen"], told["names"]) == (PAGE + 7, 1, ["Northwind"])
    for begun in (1, 0):
        assert backfill.begin(post.runtime, post.org, asked, by="me")["begun"] == begun
    assert [one["about"] for one in ticks(post)] == ["Northwind"]
    with pytest.raises(InvalidInput, match="their crm has no list 'Deal': did you mean"):
        backfill.count(post.runtime, post.org, Asked(rule="monday", list="Deal"))
