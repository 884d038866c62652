"""W5: Zapier calls in and subscribes. The example integration runs on Zapier's own runtime."""

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.hooks.hooked import Hooked

EXAMPLE = Path(__file__).parents[2] / "docs" / "zapier"
DRIVE = Path(__file__).parent / "zapier_drive.js"
CACHE = Path(sys.prefix) / "zapier"  # beside the other things that tests install
NODE, NPM = shutil.which("node"), shutil.which("npm")

Step = tuple[str, dict[str, Any]]


@pytest.fixture(scope="session")
def zapier() -> Path:
    """The integration with its runtime, installed once; the lock file says what."""
    if NODE is None or NPM is None:
        pytest.skip("node and npm are not installed: apt-get install nodejs npm")
    with _alone():
        lock = (EXAMPLE / "package-lock.json").read_text()
        done = CACHE / "installed"
        if not done.exists() or done.read_text() != lock:
            shutil.rmtree(CACHE / "app", ignore_errors=True)
            shutil.copytree(EXAMPLE, CACHE / "app")
            command = [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            made = subprocess.run(
                command, cwd=CACHE / "app", capture_output=True, text=True, check=False
            )
            if made.returncode:
                pytest.skip(f"npm could not install Zapier's runtime: {made.stderr[-200:]}")
            done.write_text(lock)
        for part in ("index.js", "lib"):
            shutil.rmtree(CACHE / "app" / "lib") if part == "lib" else None
            copy = shutil.copytree if part == "lib" else shutil.copy
            copy(EXAMPLE / part, CACHE / "app" / part)
    return CACHE / "app"


@contextmanager
def _alone() -> Iterator[None]:
    """Tests on several cores install it once."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Zap:
    """Somebody's Zaps: each call is carried out by the runtime."""

    def __init__(self, hooked: Hooked, app: Path) -> None:
        made = hooked.house.made
        self.auth = {"url": hooked.house.base_url, "key": made.key, "secret": made.secret}
        self._app = app

    def run(self, *steps: Step) -> list[Any]:
        bundles = [(where, {"authData": self.auth, "meta": {}, **given}) for where, given in steps]
        done = subprocess.run(
            [str(NODE), str(DRIVE), str(self._app)],
            input=json.dumps(bundles), capture_output=True, text=True, check=True,
        )  # fmt: skip
        return list(json.loads(done.stdout.splitlines()[-1]))

    def results(self, *steps: Step) -> list[Any]:
        found = self.run(*steps)
        assert not [one["error"] for one in found if "error" in one], found
        return [one["result"] for one in found]


@pytest.fixture
def zap(hooked: Hooked, zapier: Path) -> Zap:
    return Zap(hooked, zapier)


def test_a_zap_is_switched_on_told_and_switched_off(hooked: Hooked, zap: Zap) -> None:
    """Proof 10, declarative: subscribe, samples, a real delivery, unsubscribe; then 410."""
    trigger = "triggers.item_updated.operation"
    deals = hooked.house.its_list("Deals")["id"]
    given = {"inputData": {"list_id": deals}, "targetUrl": hooked.receiver.url + "/zap"}
    subscribed, samples = zap.results(
        (f"{trigger}.performSubscribe", given), (f"{trigger}.performList", given)
    )
    assert subscribed["id"].startswith("hook_")
    hooked.win("Proposal")
    (told,) = hooked.receiver.to("/zap")
    (performed, gone, again) = zap.results(
        (f"{trigger}.perform", {**given, "cleanedRequest": told.json}),
        (f"{trigger}.performUnsubscribe", {**given, "subscribeData": subscribed}),
        (f"{trigger}.performUnsubscribe", {**given, "subscribeData": subscribed}),
    )
    assert performed[0]["fields"]["status"] == "Proposal"
    assert {tuple(one) for one in samples} == {tuple(performed[0])}
    assert (gone["deleted"], again["deleted"]) == (True, True)
    hooked.win("Lead")
    assert len(hooked.receiver.to("/zap")) == 1


def test_the_same_with_functions_and_410_ends_it(hooked: Hooked, zap: Zap) -> None:
    trigger = "triggers.invoice_paid.operation"
    given = {"targetUrl": hooked.receiver.url + "/paid"}
    subscribed, samples = zap.results(
        (f"{trigger}.performSubscribe", given), (f"{trigger}.performList", given)
    )
    assert samples[0]["id"]
    hooked.receiver.always(410)
    hooked.win(name="Larkspur annual plan")
    hooked.house.pay("recurly", hooked.house.books("recurly")[0].id)
    hooked.house.settle()
    (told,) = hooked.receiver.to("/paid")
    assert (told.json["source"], told.json["paid_amount"]) == ("recurly", "14400.00")
    assert hooked.ask("GET", f"/hooks/{subscribed['id']}").status_code == 404


def test_actions_and_dropdowns(hooked: Hooked, zap: Zap) -> None:
    hooked.house.post("website", data={"email": "ann@example.com", "name": "Ann Lee"})
    hooked.house.settle()
    leads = hooked.house.its_list("Leads")["id"]
    about = {"list_id": leads, "email": "ann@example.com"}
    lists, statuses, fields, updated, status, posted, found = zap.results(
        ("triggers.list.operation.perform", {}),
        ("triggers.status.operation.perform", {"inputData": {"list_id": leads}}),
        ("triggers.field.operation.perform", {"inputData": {"list_id": leads}}),
        (
            "creates.update_item.operation.perform",
            {"inputData": {**about, "field__account_name": "Acme"}},
        ),
        (
            "creates.set_status.operation.perform",
            {"inputData": {**about, "status": "Qualified"}},
        ),
        (
            "creates.post_to_stream.operation.perform",
            {
                "inputData": {
                    "email": "ann@example.com",
                    "subject": "Called",
                    "body": "She is keen.",
                }
            },
        ),
        ("searches.find_contact.operation.perform", {"inputData": {"email": "ann@example.com"}}),
    )
    assert "Leads" in {one["title"] for one in lists}
    assert [one["label"] for one in statuses] == ["New", "Contacted", "Qualified"]
    assert {"status", "account_name"} <= {one["name"] for one in fields}
    assert updated["fields"]["account_name"] == "Acme"
    assert status["fields"]["status"] == "Qualified"
    assert posted["subject"] == "Called"
    assert found[0]["name"] == "Ann Lee"


def test_errors_are_sentences_for_the_zaps_owner(hooked: Hooked, zap: Zap) -> None:
    leads = hooked.house.its_list("Leads")["id"]
    wrong = {**zap.auth, "secret": "wrong"}
    subscribe = "triggers.item_updated.operation.performSubscribe"
    signed_out, blocked, nobody = zap.run(
        ("authentication.test", {"authData": wrong}),
        (subscribe, {"targetUrl": "https://10.0.0.1/", "inputData": {}}),
        (
            "creates.set_status.operation.perform",
            {"inputData": {"list_id": leads, "email": "no@example.com", "status": "Qualified"}},
        ),
    )
    assert "authorization failed" in signed_out["error"]
    assert "not on the public internet" in blocked["error"]
    assert "nobody on Leads" in nobody["error"]
    (me,) = zap.results(("authentication.test", {}))
    assert me["organization"]["name"]
