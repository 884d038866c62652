"""Every page: it is there, it says what it should, and it is safe to look at."""

import re
from datetime import timedelta

from sqlalchemy import update

from relay.core.clock import SystemClock
from relay.core.ids import number
from relay.pipeline import source_watch
from relay.storage import sources, work
from relay.storage.hooks import set_hook_state
from relay.storage.identity import touch_config
from relay.storage.tables import metadata
from relay.storage.tables.hooks import hook_health
from relay.storage.tables.work import work as waiting
from relay.storage.work import Kind, NewWork
from tests.web.house import NOW, House
from tests.web.records import Records, fill
from tests.web.routes import OPEN, routes

HOSTILE = "\"'></code><script>alert(1)</script>{{7*7}}"


def test_every_page_opens_for_a_viewer(house: House, acme: Records) -> None:
    browser = house.signed_in("acme", "viewer")
    for route in routes(house.app, "GET"):
        if route.name in OPEN:
            continue
        response = browser.get(route.path(acme))
        assert response.status_code == 200, route.rule.rule


def test_every_page_brings_a_strict_content_security_policy(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    for route in routes(house.app, "GET"):
        if route.name == "static_file":
            continue
        response = browser.get(route.path(acme))
        if response.mimetype != "text/html":
            continue  # a file to be kept, not shown
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"


def test_no_page_has_a_script_or_a_style_of_its_own(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    for route in routes(house.app, "GET"):
        if route.name in OPEN:
            continue
        text = browser.page(route.path(acme))
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", text), route.rule.rule


def test_what_strangers_write_is_shown_and_never_run(house: House) -> None:
    mine = fill(house, "acme", HOSTILE)
    browser = house.signed_in("acme")
    for route in routes(house.app, "GET"):
        if route.name in OPEN:
            continue
        if route.name == "runs_file":  # for spreadsheets: no browser takes it for a page
            answer = browser.get(route.path(mine))
            assert answer.mimetype == "text/csv"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            continue
        text = browser.page(route.path(mine))
        assert "<script>" not in text, route.rule.rule
        assert "49" not in re.findall(r"}}(\d+)", text)
    for tab in ("overview", "body", "headers", "runs"):
        text = browser.page(f"/events?open={mine.event}&tab={tab}")
        assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in browser.page(f"/runs/{mine.run}")


def test_a_run_tells_its_trigger_its_condition_and_every_try(house: House, acme: Records) -> None:
    text = house.signed_in("acme").page(f"/runs/{acme.run}")
    assert "Northwind Hollis: booked" in text
    assert "Sales receipt No Hollis for 1,250.00 USD is booked." in text
    assert "It took 2 tries; the sale was made once." in text
    assert "item.amount != null" in text
    assert "no answer Hollis" in text
    assert "waited 30.7 s" in text
    assert "This decided." in text
    assert "k7q2m4xz" in text


def test_a_number_in_a_body_keeps_its_last_zero(house: House, acme: Records) -> None:
    text = house.signed_in("acme").page(f"/events/{acme.event}?tab=body")
    assert "200.10" in text


def test_the_live_tail_gives_what_came_since(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    found = browser.get("/events?after=0", Accept="application/json").get_json()
    assert len(found["rows"]) == 1
    assert acme.event in found["rows"][0]
    newest = acme.event.removeprefix("evt_")
    again = browser.get(f"/events?after={newest}", Accept="application/json").get_json()
    assert again["rows"] == []


def test_the_overview_of_a_new_test_organization_leads_to_a_first_event(house: House) -> None:
    text = house.signed_in("rival").page("/")
    assert "see a deal book itself" in text


def test_the_overview_says_what_needs_a_person(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    browser.send(f"/connections/{acme.connection}/state", paused="yes")
    text = browser.page("/")
    assert "quickbooks is paused" in text
    assert "need you." in text


def test_the_overview_names_secrets_that_cannot_be_read(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    assert "cannot be read" not in browser.page("/")
    with house.runtime.db.write() as conn:
        for noun in ("sources", "connections", "targets"):
            conn.execute(update(metadata.tables[noun]).values(sealed="v1.00000000.AAAA"))
        touch_config(conn, house.orgs["acme"])
    text = browser.page("/")
    for kind in ("source", "connection"):
        assert f"The secrets of the {kind} " in text
    assert "under key 00000000" in text
    text = browser.page("/sources/website")
    assert "Make a new address" in text
    assert "Cannot be verified" in text
    assert "Cannot be verified" in browser.page("/sources")


def test_the_overview_names_a_source_that_fell_silent_until_something_comes(
    house: House, acme: Records
) -> None:
    browser = house.signed_in("acme")
    with house.runtime.db.write() as conn:
        cards = sources.create_source(
            conn, house.runtime.vault, house.orgs["acme"], type="fullcontact", name="cards & co",
            secret=None, at=NOW,
        )  # fmt: skip

    def overview_after(*hours: float) -> str:
        """Deliveries that came so many hours ago, and the look at its sources."""
        for ago in hours:
            house.put(
                "events", org_id=house.orgs["acme"], kind="delivery", source_id=cards.id,
                state="accepted", received_at=NOW - timedelta(hours=ago),
            )  # fmt: skip
        house.clock.at += source_watch.EVERY * 2
        source_watch.sweep(house.runtime)
        return browser.page("/")

    assert "Nothing from" not in overview_after()
    text = overview_after(*(9 + n * 2 / 3 for n in range(12, -1, -1)))
    assert "<h3>Nothing from cards &amp; co for 9 hours</h3>" in text
    assert "The usual time between two deliveries is 40 minutes." in text
    assert 'href="/sources/cards%20&amp;%20co">Open the source</a>' in text
    assert "Nothing from" not in house.signed_in("rival").page("/")
    assert "Nothing from" not in overview_after(0)


def test_the_overview_names_hooks_that_fail_or_were_disabled(house: House, acme: Records) -> None:
    browser, id = house.signed_in("acme"), number("hook", acme.hook)
    mine = hook_health.c.hook_id == id

    def overview_with(**health: object) -> str:
        with house.runtime.db.write() as conn:
            conn.execute(update(hook_health).where(mine).values(**health))
        return browser.page("/")

    since = house.runtime.clock.now() - timedelta(hours=3)
    assert "The hook for" not in overview_with(failures=4, first_failure_at=house.clock.at)
    text = overview_with(first_failure_at=since)
    assert "has failed for 3 hours</h3>" in text
    assert "Last success: none yet." in text
    assert f'href="/hooks/{acme.hook}">Open the hook</a>' in text
    assert "The hook for" not in house.signed_in("rival").page("/")
    with house.runtime.db.write() as conn:
        set_hook_state(conn, house.orgs["acme"], id, "disabled", "failing: no success for 5 days")
    text = browser.page("/")
    assert "was disabled</h3>" in text
    assert "Failing: no success for 5 days. First failure: 3 hours ago." in text


def test_the_overview_says_that_work_is_overdue(house: House, acme: Records) -> None:
    house.clock.at = SystemClock().now()  # leases are by the database's own
    browser, org = house.signed_in("acme"), house.orgs["acme"]
    with house.runtime.db.write() as conn:
        work.add(house.runtime.db, conn, Kind.EVENT, [NewWork(id=n, org=org) for n in (901, 902)])
    assert "Events have waited" not in browser.page("/")
    with house.runtime.db.write() as conn:
        late = house.clock.at - timedelta(minutes=14)
        conn.execute(update(waiting).where(waiting.c.id == 901).values(due_at=late))
    text = browser.page("/")
    assert "<h3>Events have waited for 14 minutes</h3>" in text
    assert "no worker takes them up" in text
    assert 'href="/events/evt_901">Open the oldest</a>' in text
    assert "Events have waited" not in house.signed_in("rival").page("/")


def test_static_files_carry_their_hash_and_may_be_kept_for_ever(house: House) -> None:
    browser = house.browser()
    name = re.search(r'href="(/static/relay\.[0-9a-f]{12}\.css)"', browser.page("/login"))
    assert name is not None
    response = browser.get(name[1])
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert browser.get("/static/relay.000000000000.css").status_code == 404


def test_styles_and_script_are_small(house: House) -> None:
    browser = house.browser()
    page = browser.get("/login").get_data(as_text=True)
    names = re.findall(r'"(/static/[^"#]+)"', page)
    packed = sum(
        len(browser.get(name, **{"Accept-Encoding": "gzip"}).get_data()) for name in set(names)
    )
    assert packed < 60_000
