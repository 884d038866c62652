"""The dashboard in a real browser: what only a browser can show."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from relay.storage.database import Database
from tests.serving import served
from tests.stores import SQLite
from tests.web.house import PASSWORD, House, build
from tests.web.records import Records, fill

pytestmark = pytest.mark.browser
expect.set_options(timeout=20_000)  # a busy machine is no fault of a page


@pytest.fixture
def house(sqlite: SQLite, tmp_path: Path) -> Iterator[House]:
    """acme, on the embedded store."""
    with sqlite.database(tmp_path, tables=True) as url:
        db = Database(url)
        made = build(db, tmp_path)
        made.organization("acme")
        yield made
        db.close()


@pytest.fixture
def acme(house: House) -> Records:
    return fill(house, "acme", "Hollis")


@pytest.fixture
def address(house: House) -> Iterator[str]:
    """Where the application answers."""
    with served(house.app) as url:
        yield url


@pytest.fixture
def said() -> list[str]:
    """What the browser complained of."""
    return []


@pytest.fixture
def page(browser: Browser, address: str, acme: Records, said: list[str]) -> Iterator[Page]:
    """A tab in which the owner has signed in."""
    context = browser.new_context(base_url=address, color_scheme="dark")
    tab = context.new_page()
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto("/events")
    tab.get_by_label("Email").fill("owner@acme.example")
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("heading", name="Events")).to_be_visible()
    tab.wait_for_load_state()  # the page is there before its script hears keys
    yield tab
    context.close()


def test_a_run_is_two_clicks_away_and_tells_its_story(page: Page, said: list[str]) -> None:
    page.get_by_role("link", name="form.submitted").click()
    pane = page.get_by_role("region", name="form.submitted from website")
    expect(pane).to_contain_text("Hollis@example.com")
    pane.get_by_role("link", name="Book a won deal").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Northwind Hollis: booked")
    tries = page.get_by_role("table", name="Tries of step 1")
    expect(tries).to_contain_text("no answer Hollis")
    expect(tries).to_contain_text("waited 30.7 s")
    expect(page.get_by_role("region", name="Answer of try 2")).to_contain_text('"b": "Hollis"')
    assert said == []


def test_a_status_is_set_in_the_grid_after_seeing_what_it_starts(
    page: Page, acme: Records, said: list[str]
) -> None:
    page.goto(f"/lists/{acme.list}")
    page.get_by_role("link", name="Status of Northwind onboarding: Negotiation. Change").click()
    picker = page.get_by_role("dialog", name="Status of Northwind onboarding")
    expect(picker.get_by_text("asks 1 rule")).to_be_hidden()
    picker.get_by_label("Deal Won").check()
    expect(picker.get_by_text("Deal Won asks 1 rule")).to_be_visible()
    picker.get_by_role("button", name="Save").click()
    won = page.get_by_role("link", name="Status of Northwind onboarding: Deal Won. Change")
    expect(won).to_be_visible()
    assert said == []


def test_escape_closes_the_cell_and_leaves_it_as_it_was(page: Page, acme: Records) -> None:
    page.goto(f"/lists/{acme.list}?edit={acme.item}.status")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_new_event_comes_in_by_itself(page: Page, house: House, acme: Records) -> None:
    page.mouse.move(0, 0)  # rows stand still under a pointer
    house.put(
        "events", org_id=house.orgs["acme"], kind="delivery", source_id=1, state="rejected",
        reason="the signature does not fit", received_at=house.clock.now(),
    )  # fmt: skip
    expect(page.get_by_text("the signature does not fit")).to_be_visible()


def test_a_change_that_stops_something_is_asked_for_first(page: Page, acme: Records) -> None:
    page.goto("/connections")
    page.get_by_role("button", name="Pause").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("none of them is lost")
    question.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Working")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Nothing is sent to it until it goes on.")).to_be_visible()


def test_keys_lead_through_the_pages(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", name="Rules")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("/")
    expect(page.get_by_label("Search events, runs and records")).to_be_focused()


def test_rows_are_ticked_with_keys_and_what_will_be_done_is_shown(page: Page) -> None:
    page.goto("/runs")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("1 ticked:")).to_be_visible()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Replay 1 run")


@pytest.mark.parametrize("width", [1440, 720, 390, 320])
def test_no_page_scrolls_sideways(page: Page, acme: Records, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for path in (
        "/", "/events", f"/events?open={acme.event}", "/runs", f"/runs/{acme.run}", "/lists",
        f"/lists/{acme.list}", f"/lists/{acme.list}?edit={acme.item}.status",
        f"/lists/{acme.list}/items/{acme.item}", "/bookings", "/dead", "/rules",
        "/rules/dry-run?set=live", "/rules/deal-won", "/sources", "/sources/website",
        "/sources/website/fields", "/connections", "/sandbox", "/settings", "/settings/audit",
    ):  # fmt: skip
        page.goto(path)
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert beyond <= 0, f"{path} is {beyond} px too wide at {width}"


def test_a_phone_shows_each_row_whole(page: Page, acme: Records) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/events", "/runs", "/bookings"):
        page.goto(path)
        cells = page.evaluate("""[...document.querySelectorAll(".log td:not(.pick)")]
            .filter(cell => cell.checkVisibility() && cell.textContent.trim())
            .map(cell => cell.getBoundingClientRect().right)""")
        assert cells, path
        assert max(cells) <= 390, f"{path} hides a part of a row"
        who = page.evaluate("document.querySelector('.log .what').clientWidth")
        assert who > 150, f"{path} breaks what came in letters"


def test_everything_works_without_script(browser: Browser, address: str, acme: Records) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"/lists/{acme.list}")
    tab.get_by_label("Email").fill("owner@acme.example")
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("link", name="Status of Northwind onboarding: Negotiation. Change").click()
    tab.get_by_label("Deal Won").check()
    tab.get_by_role("button", name="Save").click()
    won = tab.get_by_role("link", name="Status of Northwind onboarding: Deal Won. Change")
    expect(won).to_be_visible()
    context.close()
