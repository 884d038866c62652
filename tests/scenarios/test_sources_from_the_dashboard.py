"""A source of every type, made in the dashboard by somebody who chooses nothing, takes its sender's
own sample on the first try."""

import re
from collections.abc import Iterator

import httpx
import pytest

from relay import first
from relay.core.ids import public
from relay.integrations import INTEGRATIONS
from tests.scenarios.house import House, house_on
from tests.stores import SQLite

TYPES = [name for name, one in INTEGRATIONS.items() if one.source is not None]
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture(scope="module")
def house(sqlite: SQLite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_on(sqlite, tmp_path_factory.mktemp("dashboard")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[httpx.Client]:
    """Signed in as the owner; a form is sent with the token of a page."""
    with httpx.Client(base_url=house.base_url, trust_env=False) as client:
        signed_in = post(client, "/login", email=first.EMAIL, password=house.made.password)
        assert signed_in.status_code == 302
        yield client


def post(browser: httpx.Client, path: str, **fields: str) -> httpx.Response:
    token = _TOKEN.search(browser.get("/login" if path == "/login" else "/sources").text)
    assert token is not None
    return browser.post(path, data={"csrf_token": token[1], **fields})


def sample(house: House, browser: httpx.Client, name: str) -> tuple[str, str]:
    """What the button's press became: the event's state, and its type once it is read."""
    sent = post(browser, f"/sources/{name}/sample")
    assert sent.status_code == 302, f"{name}: {sent.text}"
    (event,) = [
        one for one in house.events(source_id=house.source(name).id, kind="delivery")
        if sent.headers["location"] == f"/events/{public('evt', one.id)}"
    ]  # fmt: skip
    house.settle()
    return event.state, house.outcome(event.id).type or ""


def test_every_type_takes_a_sample_on_the_first_try(house: House, browser: httpx.Client) -> None:
    for type in TYPES:
        made = post(browser, "/sources", type=type, name=f"my-{type}")
        assert made.status_code in (200, 302), type
        assert sample(house, browser, f"my-{type}")[0] == "accepted", type


def test_the_secret_that_a_sender_shows_later_is_pasted_on_the_page(
    house: House, browser: httpx.Client
) -> None:
    post(browser, "/sources", type="stripe", name="shop")
    assert "paste the secret that it shows here" in browser.get("/sources/shop").text
    sample(house, browser, "shop")
    assert not house.source("shop").has_secret, "what is lent for a try is no secret"
    assert post(browser, "/sources/shop/rotate").status_code == 422
    post(browser, "/sources/shop/rotate", secret="whsec_theirs")
    now = house.runtime.clock.now()
    assert house.source("shop").config(now).secrets[0] == "whsec_theirs"
    assert sample(house, browser, "shop")[0] == "accepted"


def test_options_are_set_on_the_page_and_the_sample_follows_them(
    house: House, browser: httpx.Client
) -> None:
    post(browser, "/sources", type="recurly", name="xml")
    post(browser, "/sources/xml/options", **{"option.format": "xml", "option.auth": "basic"})
    assert house.source("xml").options == {"format": "xml", "auth": "basic"}
    assert sample(house, browser, "xml") == ("accepted", "invoice.paid")
    post(browser, "/sources/xml/options", **{"option.format": "xml", "option.auth": ""})
    assert house.source("xml").options == {"format": "xml"}
    asked = {"option.signed": "{timestamp}.{body}", "option.nothing": "x"}
    assert post(browser, "/sources/xml/options", **asked).status_code == 422
    asked = {"option.format": "xml", "connection": "zuora"}
    assert "not to recurly" in post(browser, "/sources/xml/options", **asked).text
