"""The subscriber's own page: signed, expiring, about one hook; and the snippets it shows."""

import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import time_machine

from relay.core.clock import SystemClock
from relay.web.portal import SNIPPETS
from tests.hooks.hooked import Hooked
from tests.hooks.receiver import Request

NODE = shutil.which("node")


def link(hooked: Hooked, hook: str, **wanted: float) -> str:
    return str(hooked.do("POST", f"/hooks/{hook}/portal", json=wanted)["url"])


def browser(hooked: Hooked) -> httpx.Client:
    return httpx.Client(base_url=hooked.house.base_url, trust_env=False, follow_redirects=True)


def send(client: httpx.Client, page: httpx.Response, path: str) -> httpx.Response:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return client.post(path, data={"csrf_token": found[1]})


def test_a_subscriber_sees_deliveries_tries_one_again_and_makes_a_new_secret(
    hooked: Hooked,
) -> None:
    hooked.receiver.always(500)
    made = hooked.subscribe()
    other = hooked.subscribe(path="/other")
    hooked.win("Proposal")
    url = link(hooked, made["id"])
    with browser(hooked) as client:
        page = client.get(url)
        assert page.status_code == 200
        assert "<script>" not in page.text
        (mine,), (theirs,) = hooked.deliveries(made["id"]), hooked.deliveries(other["id"])
        assert f"dlv_{mine.id}" in page.text
        assert f"dlv_{theirs.id}" not in page.text
        one = client.get(f"{url}/deliveries/dlv_{mine.id}")
        assert "answered 500" in one.text
        assert client.get(f"{url}/deliveries/dlv_{theirs.id}").status_code == 404
        hooked.receiver.always(204)
        again = send(client, one, f"{url}/deliveries/dlv_{mine.id}/retry")
        assert again.status_code == 200
        hooked.house.settle()
        assert hooked.deliveries(made["id"])[0].state == "delivered"
        rotated = send(client, page, f"{url}/rotate")
        (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", rotated.text)) - {made["secret"]}
    hooked.win("Lead")
    for one_of in (secret, made["secret"]):
        hooked.receiver.to("/in")[-1].verify(one_of)


def test_a_link_is_no_good_forged_late_or_for_another(hooked: Hooked) -> None:
    made = hooked.subscribe()
    url = link(hooked, made["id"], seconds=120)
    with browser(hooked) as client:
        assert client.get(url).status_code == 200
        start, _, said = url.rpartition("/")
        said, _, mark = said.partition(".")
        for wrong in (f"{said}.{mark[::-1]}", f"{said}{mark}", f"{said}.{mark}x", "é.é", said):
            assert client.get(f"{start}/{wrong}").status_code == 404
        assert client.post(f"{url}/rotate").status_code == 400  # a forged form
        later = SystemClock().now() + timedelta(seconds=130)
        with time_machine.travel(later, tick=True):
            assert client.get(url).status_code == 404
        hooked.do("DELETE", f"/hooks/{made['id']}")
        assert client.get(url).status_code == 404
    assert hooked.ask("POST", f"/hooks/{made['id']}/portal", json={}).status_code == 404


@pytest.mark.parametrize("scheme", ["hmac", "ed25519"])
@pytest.mark.parametrize("language", sorted(SNIPPETS))
def test_the_snippets_take_our_messages_and_no_others(
    hooked: Hooked, scheme: str, language: str, tmp_path: Path
) -> None:
    if language != "Python" and NODE is None:
        pytest.skip("node is not installed: apt-get install nodejs")
    made = hooked.subscribe(scheme=scheme)
    new = hooked.do("POST", f"/hooks/{made['id']}/rotate", json={})
    hooked.win("Proposal")
    told = hooked.receiver.to("/in")[0]
    assert checked(language, told, made["secret"], tmp_path)
    assert checked(language, told, new["secret"], tmp_path)
    assert not checked(language, Request(told.path, told.headers, told.body + b" "),
                       new["secret"], tmp_path)  # fmt: skip
    old = {**told.headers, "webhook-timestamp": "1700000000"}
    assert not checked(language, Request(told.path, old, told.body), new["secret"], tmp_path)


def checked(language: str, told: Request, key: str, folder: Path) -> bool:
    """Runs the snippet as its reader would: in a program of their own."""
    (folder / "body").write_bytes(told.body)
    headers = {name: value for name, value in told.headers.items() if name.startswith("webhook")}
    if language == "Python":
        (folder / "verify.py").write_text(SNIPPETS[language])
        main = f"from verify import verify\nverify({headers!r}, open('body', 'rb').read(), {key!r})"
        command = [sys.executable, "-c", main]
    else:
        (folder / "verify.mjs").write_text(SNIPPETS[language])
        (folder / "main.mjs").write_text(
            'import { readFileSync } from "node:fs";\nimport { verify } from "./verify.mjs";\n'
            f'verify({headers!r}, readFileSync("body"), {key!r});\n'
        )
        command = [str(NODE), "main.mjs"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "the message is too old" in done.stderr or "match" in done.stderr
    return done.returncode == 0
