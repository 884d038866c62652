"""T2: what people change in a CRM elsewhere is told, every change once, whatever happens there
while the watch reads."""

import asyncio
from dataclasses import replace

from sqlalchemy import update

from relay.crm.remote.client import PAGE
from relay.pipeline import arrange, rules
from relay.pipeline import remote_watch as watch
from relay.storage import identity, rulesets, work
from relay.storage.tables.setup import connections
from relay.storage.tables.watch import remote_crms
from relay.storage.work import Kind
from rules.engine import Schemas, load
from tests.standin.crm import BEA, DEALS, LEADS, Fault, Json
from tests.watch.post import Post

WON, LOST, NEGOTIATION = "2", "3", "1"
WON_RULE = """\
version: 1
rules:
  - id: won
    when: { changed: status, list: Deals, to: Deal Won }
    do: [{ use: stop, with: { reason: won } }]
"""
NEW_RULE = """\
version: 1
rules:
  - id: new-{subject}
    when: {{ created: {subject} }}
    do: [{{ use: stop, with: {{ reason: new }} }}]
"""


def test_what_was_there_before_is_no_news_and_what_comes_is(post: Post) -> None:
    deal = post.crm.item(DEALS, "Northwind", f0=NEGOTIATION, f3="1250")
    post.look(times=2)
    assert post.told() == []
    post.crm.set(deal, "0", WON)
    post.crm.set(deal, "1", BEA)
    post.crm.set(deal, "3", "1250.00")  # says the same
    post.crm.item(LEADS, "Ann Lee", f0="0")
    post.look(times=2)
    assert post.told() == [
        ("updated", "Northwind", "status", "Negotiation", "Deal Won"),
        ("updated", "Northwind", "owner", None, "Bea Ortiz"),
        ("created", "Ann Lee"),
    ]


def test_two_changes_in_one_millisecond_are_both_told(post: Post) -> None:
    deals = [post.crm.item(DEALS, f"deal {n}", f0=NEGOTIATION) for n in range(3)]
    post.look()
    at = post.crm.tick()
    for deal in deals:
        post.crm.set(deal, "0", WON, at=at)
    post.look()
    post.crm.set(deals[0], "0", LOST, at=at)  # after we looked, and with the same time
    post.look()
    assert [one[1:3] + one[4:] for one in post.told()] == [
        ("deal 0", "status", "Deal Won"),
        ("deal 1", "status", "Deal Won"),
        ("deal 2", "status", "Deal Won"),
        ("deal 0", "status", "Deal Lost"),
    ]


def test_more_changes_of_one_time_than_a_page_holds_are_all_told(post: Post) -> None:
    deals = [post.crm.item(DEALS, f"deal {n}", f0=NEGOTIATION) for n in range(PAGE * 2 + 50)]
    post.look()
    at = post.crm.tick()
    for deal in deals:
        post.crm.set(deal, "0", WON, at=at)
    post.look(times=2)
    assert sorted(one[1] for one in post.told()) == sorted(deal["name"] for deal in deals)


def test_items_that_move_while_pages_are_read_are_told_once(post: Post) -> None:
    """Before every page somebody edits an item, on either side of the place that is read."""
    deals = [post.crm.item(DEALS, f"deal {n}", f0=NEGOTIATION) for n in range(PAGE + 80)]
    post.look()
    for deal in deals:
        post.crm.set(deal, "0", WON)
    moved = iter([deals[3], deals[PAGE + 5], deals[10], deals[PAGE + 40]])

    def meanwhile(query: Json) -> None:
        deal = next(moved, None)
        if deal is not None and "modifiedDate" in query:
            post.crm.set(deal, "3", "7")

    post.crm.on_page = meanwhile
    post.look(times=3)
    told = post.told()
    won = [one[1] for one in told if one[2] == "status"]
    assert sorted(won) == sorted(deal["name"] for deal in deals)
    amounts = [one[1] for one in told if one[2] == "amount"]
    assert sorted(amounts) == ["deal 10", "deal 205", "deal 240", "deal 3"]


def test_a_clock_that_runs_ahead_or_behind_hides_no_change(post: Post) -> None:
    """One of their servers writes times of the future, another is behind; ours is another still."""
    post.crm.skew_ms = 0
    first, second, third = (post.crm.item(DEALS, f"deal {n}") for n in range(3))
    post.look()
    post.crm.set(first, "3", "1", at=post.crm.now_ms + 3_600_000)
    post.look()
    post.crm.tick(60_000)
    post.crm.set(second, "3", "2")
    post.look()
    post.crm.set(third, "3", "3", at=post.crm.now_ms - 20_000)
    post.look()
    assert [one[1] for one in post.told()] == ["deal 0", "deal 1", "deal 2"]
    post.crm.set(first, "3", "4", at=post.crm.now_ms)  # earlier than the time it has
    post.full_pass()
    post.look()
    assert [one[1:] for one in post.told()] == [("deal 0", "amount", 1, 4)]


def test_a_look_that_breaks_off_between_pages_is_gone_on_with(post: Post) -> None:
    deals = [post.crm.item(DEALS, f"deal {n}", f0=NEGOTIATION) for n in range(PAGE + 50)]
    post.look()
    for deal in deals:
        post.crm.set(deal, "0", WON)
    seen: list[str] = []

    def second_page_fails(query: Json) -> None:
        if "modifiedDate" in query:
            seen.append(query["modifiedDate"])
            if len(seen) == 1:
                post.crm.faults.append(Fault("GET", "/listitems", status=500))

    post.crm.on_page = second_page_fails
    post.look()
    assert len(post.told()) == PAGE
    state = post.state()
    assert state.failures == 1
    assert "answered 500" in (state.problem or "")
    post.look()
    assert len(post.told()) == 50
    assert post.state().failures == 0


def test_a_worker_that_lost_the_watch_stores_nothing(post: Post) -> None:
    deal = post.crm.item(DEALS, "Northwind", f0=NEGOTIATION)
    post.look()
    post.crm.set(deal, "0", WON)
    lease, token = post.claim()
    post.claim()  # its time is over, and another has it now

    async def late() -> None:
        await watch.watch(post.runtime, lease, token)
        await post.runtime.http.aclose()

    asyncio.run(late())
    assert post.told() == []
    post.look()
    assert len(post.told()) == 1


def test_an_item_that_vanished_is_told_once_and_is_not_new_when_it_comes_back(post: Post) -> None:
    deals = [post.crm.item(DEALS, f"deal {n}", f0=NEGOTIATION) for n in range(PAGE + 30)]
    post.look()
    hidden = deals[7]
    pages: list[Json] = []

    def meanwhile(query: Json) -> None:
        """More than two pages have in common goes between them, and moves the rest forward."""
        pages.append(query)
        if query.get("_start", "0") != "0":
            for deal in deals[5:40]:
                post.crm.delete(deal)

    post.crm.on_page = meanwhile
    post.full_pass()
    post.look()
    post.full_pass()
    post.look()
    assert len([one for one in pages if "modifiedDate" not in one]) > 4
    assert sorted(post.told()) == sorted(
        ("removed", deal["name"], "item", deal["name"], None) for deal in deals[5:40]
    )
    post.crm.set(hidden, "0", WON)
    post.crm.items[DEALS].append(hidden)
    post.look(times=2)
    assert [one[0] for one in post.told()] == ["updated"]


def test_a_new_field_and_a_new_option_are_understood_without_a_restart(post: Post) -> None:
    deal = post.crm.item(DEALS, "Northwind", f0=NEGOTIATION)
    post.look()
    post.crm.lists[0]["fields"][0]["listOptions"].append({"id": "9", "display": "Paid"})
    post.crm.set(deal, "0", "9")
    arrange.try_connection(post.runtime, post.org, "their crm")
    post.look()
    assert post.told() == [("updated", "Northwind", "status", "Negotiation", "Paid")]


def test_values_that_are_none_stop_nothing(post: Post) -> None:
    odd = post.crm.item(DEALS, "odd", f0=NEGOTIATION, f3="n/a", f5="tomorrow")
    bare = post.crm.item(DEALS, "bare")
    deal = post.crm.item(DEALS, "deal", f0=NEGOTIATION)
    post.look()
    odd["fieldValues"] |= {"0": "2", "3": [{"raw": None}], "99": [{"raw": "?"}], "1": [7]}
    bare |= {"fieldValues": None, "contactIds": None, "name": None}
    for one in (odd, bare):
        one["modifiedDate"] = post.crm.tick()
    post.crm.set(deal, "3", "12.50")
    post.look()
    assert post.state().problem is None
    assert [one[1:3] for one in post.told()] == [("odd", "status"), ("deal", "amount")]


def test_a_chunk_of_ids_that_is_too_long_is_asked_for_in_halves(post: Post) -> None:
    deals = [post.crm.item(DEALS, f"deal {n}") for n in range(60)]
    post.look()
    post.crm.items[DEALS].clear()
    post.crm.longest_url = 600
    post.full_pass()
    post.look()
    assert len(post.told()) == len(deals)
    assert post.state().problem is None


def test_the_watch_keeps_to_its_share_of_the_quota(post: Post) -> None:
    post.look()
    cost = post.state().watch_requests
    assert cost == len(post.crm.requests)
    assert post.due_in() <= 15
    with post.runtime.db.write() as conn:
        conn.execute(update(connections).values(settings={"daily_quota": 100}))
        identity.touch_config(conn, post.org)
        conn.execute(update(remote_crms).values(watch_requests=38))
    post.look()
    assert post.due_in() > 15
    with post.runtime.db.write() as conn:
        conn.execute(update(remote_crms).values(watch_requests=40))
    asked = len(post.crm.requests)
    post.look()
    assert len(post.crm.requests) == asked


def test_changes_that_may_be_our_own_are_left_to_the_next_look(post: Post) -> None:
    """While a run is in hand, what it wrote may not be recorded yet; the rest is told at once."""
    deals = [post.crm.item(DEALS, f"deal {n}", f0=NEGOTIATION) for n in range(2)]
    post.look()
    post.crm.set(deals[0], "0", WON)
    post.crm.tick(10_000)
    post.crm.set(deals[1], "0", WON)
    run = work.NewWork(id=1, org=post.org)
    with post.runtime.db.write() as conn:
        work.add_leased(post.runtime.db, conn, Kind.RUN, [run], seconds=60, token=7)
    post.look(keep_leases=True)
    assert [one[1] for one in post.told()] == ["deal 0"]
    with post.runtime.db.write() as conn:
        work.fence(post.runtime.db, conn, Kind.RUN, [1], token=7)
    post.look()
    assert [one[1] for one in post.told()] == ["deal 1"]


def test_rules_are_checked_against_the_lists_that_were_read(post: Post) -> None:
    def schemas() -> Schemas | None:
        with post.runtime.db.read() as conn:
            return rules.schemas_of(conn, post.runtime.setups.of(conn, post.org))

    assert schemas() is None
    post.look()
    found = schemas()
    assert found is not None
    assert [one.title for one in found.lists] == ["Deals", "Leads"]


def test_a_rule_is_warned_of_what_the_crm_elsewhere_never_tells(post: Post) -> None:
    """By Relay and by a build away from it; of Relay's own CRM everything is told."""
    subjects = ("item", "contact", "account")
    texts = {f"rules/{one}.yaml": NEW_RULE.format(subject=one) for one in subjects}

    def warned(known: Schemas) -> list[str]:
        found = load(texts, verbs=post.runtime.verbs, schemas=known)
        assert found.ok
        return sorted(one.message for one in found.findings if one.code == "R113")

    post.look()
    with post.runtime.db.read() as conn:
        known = rules.schemas_of(conn, post.runtime.setups.of(conn, post.org))
    assert known is not None
    told = [
        "the CRM 'their crm' tells of no new account",
        "the CRM 'their crm' tells of no new contact but those that Relay makes",
    ]
    assert warned(known) == warned(Schemas.from_data(known.to_data())) == told
    assert warned(replace(known, crm=None)) == []


def test_rules_are_checked_again_when_the_lists_elsewhere_change(post: Post) -> None:
    post.look()
    rules.apply(post.runtime, post.org, {"rules/won.yaml": WON_RULE}, by="me")

    def stale() -> list[object]:
        with post.runtime.db.read() as conn:
            return [one["message"] for one in rulesets.findings_of(conn, post.org).live]

    assert stale() == []
    deals = next(one for one in post.crm.lists if one["title"] == "Deals")
    deals["title"] = "Business"
    with post.runtime.db.write() as conn:
        conn.execute(update(remote_crms).values(defined_at=None))
    post.look()
    assert stale() == ["there is no list 'Deals'"]
