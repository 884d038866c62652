"""API keys: K1 five of them, K2 each with its own scopes, K3 a secret that is shown once."""

import re
from base64 import b64encode
from datetime import timedelta

from relay.core.access import AUTHORIZATION_FAILED
from relay.storage import identity
from relay.web.auth import Doorkeeper
from relay.web.throttle import Quota, Throttle
from tests.web.house import Browser, House
from tests.web.records import Records

FIVE = "this organization has its 5 API keys: revoke one, or let an admin raise the limit with: "


def make_key(browser: Browser, name: str, *scopes: str) -> str:
    response = browser.send("/settings/keys", name=name, scope=list(scopes) or ["crm:read"])
    return response.get_data(as_text=True)


def test_the_sixth_key_is_refused_with_the_limit_and_how_to_raise_it(house: House) -> None:
    """K1"""
    browser = house.signed_in("acme", "admin")
    for number in range(5):
        assert "The key is made" in make_key(browser, f"app {number}")
    refused = make_key(browser, "one too many")
    assert FIVE[1:] + "relay org set --key-limit N" in refused
    assert "one too many" in refused
    assert "5 of 5 in use" in browser.page("/settings")


def test_a_revoked_key_frees_its_slot(house: House) -> None:
    """K1"""
    browser = house.signed_in("acme", "admin")
    pages = [make_key(browser, f"app {number}") for number in range(5)]
    key = re.search(r'aria-label="Key">([0-9a-f]{24})<', pages[0])
    assert key is not None
    browser.send(f"/settings/keys/{key[1]}/revoke")
    assert "The key is made" in make_key(browser, "another")


def test_a_secret_is_shown_once_and_a_reset_ends_the_old_one(house: House) -> None:
    """K3"""
    browser = house.signed_in("acme", "admin")
    made = make_key(browser, "support app")
    key, secret = re.findall(r'aria-label="(?:Key|Secret)">([^<]+)<', made)
    assert browser.client.get("/v2/lists", auth=(key, secret)).status_code == 200
    assert secret not in browser.page("/settings")
    again = browser.send(f"/settings/keys/{key}/reset").get_data(as_text=True)
    (_, fresh) = re.findall(r'aria-label="(?:Key|Secret)">([^<]+)<', again)
    assert browser.client.get("/v2/lists", auth=(key, secret)).status_code == 401
    assert browser.client.get("/v2/lists", auth=(key, fresh)).status_code == 200


def test_wrong_key_wrong_secret_and_outdated_secret_get_one_answer(
    house: House, acme: Records
) -> None:
    """K3: the caller cannot tell which it was; the audit log says."""
    with house.runtime.db.write() as conn:
        identity.reset_secret(conn, house.orgs["acme"], acme.key, by="t", at=house.clock.now())
    client = house.app.test_client()
    wrong = (("5f00aa55e4b0c0ffee000005", "s"), (acme.key, "s"), (acme.key, acme.secret))
    answers = [client.get("/v2/lists", auth=auth) for auth in wrong]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.get_data() for answer in answers}) == 1
    assert AUTHORIZATION_FAILED in answers[0].get_data(as_text=True)
    told = [action for _, action in house.audited("acme")]
    assert told[-2:] == ["key refused: wrong secret", "key refused: outdated secret"]


def test_what_is_no_credentials_gets_the_same_answer(house: House, acme: Records) -> None:
    """K3"""
    client, answers = house.app.test_client(), set()
    pairs = (b"", b"no colon", bytes(30), b"\xff\xfe:x", f"{acme.key}:\0".encode(), b"\0:x", b":x")
    headers = ["", "Basic", "Basic !!!", "Bearer x"]
    headers += [f"Basic {b64encode(pair).decode()}" for pair in pairs]
    for header in headers:
        answer = client.get("/v2/lists", headers={"Authorization": header})
        assert answer.status_code == 401, header
        answers.add(answer.get_data())
    assert len(answers) == 1


def test_a_key_without_the_scope_may_not(house: House) -> None:
    """K2"""
    browser = house.signed_in("acme", "admin")
    key, secret = re.findall(
        r'aria-label="(?:Key|Secret)">([^<]+)<', make_key(browser, "reader", "events:read")
    )
    assert browser.client.get("/v2/lists", auth=(key, secret)).status_code == 403


def test_who_guesses_secrets_has_to_wait(house: House, acme: Records) -> None:
    client = house.app.test_client()
    codes = [client.get("/v2/lists", auth=(acme.key, str(n))).status_code for n in range(35)]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_a_key_that_has_sent_its_requests_of_the_day_waits_for_the_next(
    house: House, acme: Records
) -> None:
    """A program written for SalesforceIQ expects 429 then."""
    doorkeeper: Doorkeeper = house.app.extensions["doorkeeper"]
    doorkeeper.quota = Quota(Throttle(house.runtime.settings), house.clock, most=3)
    client, auth = house.app.test_client(), (acme.key, acme.secret)
    codes = [client.get(path, auth=auth).status_code for path in ("/v2/lists", "/v2/nothing") * 2]
    assert codes == [200, 404, 200, 429]
    refused = client.get("/v2/lists", auth=auth)
    assert refused.get_json()["userMessage"] == "Too Many Requests"
    assert int(refused.headers["Retry-After"]) <= 24 * 60 * 60
    assert client.get("/api/v1/me", auth=auth).status_code == 200
    house.clock.move(timedelta(days=1))
    assert client.get("/v2/lists", auth=auth).status_code == 200
