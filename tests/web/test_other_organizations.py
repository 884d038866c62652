"""Nobody sees, changes or notices what belongs to another organization."""

from tests.web.house import House
from tests.web.records import Records
from tests.web.routes import OPEN, routes


def test_every_page_of_a_thing_is_not_found_for_another_organization(
    house: House, rival: Records
) -> None:
    house.signed_in("rival").page(f"/runs/{rival.run}")
    browser = house.signed_in("acme")
    for route in routes(house.app, "GET"):
        if route.is_of_a_thing and route.name not in OPEN:
            assert browser.get(route.path(rival)).status_code == 404, route.rule.rule


def test_every_change_of_a_thing_is_not_found_for_another_organization(
    house: House, rival: Records
) -> None:
    browser = house.signed_in("acme")
    before = house.audited("rival")
    given = {"value": "Deal Won", "paused": "yes", "name": "mine", "secret": "x"}
    for route in routes(house.app, "POST"):
        if route.is_of_a_thing:
            response = browser.send(route.path(rival), **given)
            assert response.status_code == 404, route.rule.rule
    assert house.audited("rival") == before


def test_no_page_shows_a_word_of_another_organization(
    house: House, acme: Records, rival: Records
) -> None:
    browser = house.signed_in("acme")
    for route in routes(house.app, "GET"):
        if route.name in OPEN:
            continue
        text = browser.page(route.path(acme))
        assert rival.word not in text, route.rule.rule
    assert "Nothing was found" in browser.page(f"/search?q={rival.word}@example.com")


def test_an_open_detail_of_another_organization_is_not_found(house: House, rival: Records) -> None:
    assert house.signed_in("acme").get(f"/events?open={rival.event}").status_code == 404


def test_only_a_test_organization_has_a_sandbox_page(house: House) -> None:
    house.organization("real", is_test=False)
    assert house.signed_in("real").get("/sandbox").status_code == 404
