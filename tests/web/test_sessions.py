"""Signing in and out, and how a session ends."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from relay.storage.database import Database
from tests.web.house import House, build
from tests.web.routes import OPEN, routes


def test_a_person_signs_in_and_out_again(house: House) -> None:
    browser = house.signed_in("acme")
    assert browser.get("/events").status_code == 200
    assert browser.send("/logout").status_code == 302
    assert browser.get("/events").status_code == 302


def test_an_ended_session_is_of_no_use_even_to_who_kept_its_cookie(house: House) -> None:
    browser = house.signed_in("acme")
    kept = browser.client.get_cookie("relay_session")
    assert kept is not None
    browser.send("/logout")
    browser.client.set_cookie("relay_session", kept.value)
    assert browser.get("/events").status_code == 302


def test_a_session_ends_after_fourteen_days(house: House) -> None:
    browser = house.signed_in("acme")
    house.clock.move(timedelta(days=13, hours=23))
    assert browser.get("/events").status_code == 200
    house.clock.move(timedelta(hours=2))
    assert browser.get("/events").status_code == 302


def test_every_page_but_the_sign_in_leads_a_stranger_to_it(house: House) -> None:
    browser = house.browser()
    for route in routes(house.app, "GET"):
        if route.name in OPEN:
            continue
        response = browser.get(re.sub("<[^>]+>", "1", route.rule.rule))
        assert (response.status_code, response.location[:6]) == (302, "/login"), route.rule.rule


def test_who_was_led_to_the_sign_in_comes_back_to_the_page(house: House) -> None:
    browser = house.browser()
    where = browser.get("/events?state=rejected").location
    assert where == "/login?next=/events?state%3Drejected"
    response = browser.send(where, email="owner@acme.example", password="correct horse battery")
    assert response.location == "/events?state=rejected"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_sign_in_leads_to_no_other_site(house: House, target: str) -> None:
    response = house.browser().send(
        f"/login?next={target}", email="owner@acme.example", password="correct horse battery"
    )
    assert response.location == "/"


def test_a_wrong_password_and_an_unknown_address_get_one_answer(house: House) -> None:
    answers = set()
    for email in ("owner@acme.example", "nobody@acme.example"):
        response = house.browser().sign_in(email, "wrong")
        assert response.status_code == 401
        text = response.get_data(as_text=True)
        assert "That email and password do not belong together." in text
        answers.add(text.replace(email, "").partition("<form")[0])
    assert len(answers) == 1
    assert ("127.0.0.1", "sign-in refused") in house.audited("acme")


def test_who_guesses_passwords_has_to_wait(house: House) -> None:
    browser = house.browser()
    codes = [browser.sign_in("owner@acme.example", f"guess {n}").status_code for n in range(12)]
    assert codes[:9] == [401] * 9
    assert codes[-1] == 429
    assert browser.sign_in("owner@acme.example").status_code == 429


def test_the_cookie_is_kept_from_scripts_and_other_sites(house: House) -> None:
    response = house.browser().sign_in("owner@acme.example")
    cookie = next(c for c in response.headers.getlist("Set-Cookie") if "relay_session" in c)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_is_sent_over_https_alone(db: Database, tmp_path: Path) -> None:
    house = build(db, tmp_path, {"RELAY_BASE_URL": "https://relay.example.com"})
    response = house.browser().sign_in("owner@acme.example")
    cookie = next(c for c in response.headers.getlist("Set-Cookie") if "relay_session" in c)
    assert "Secure" in cookie
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
