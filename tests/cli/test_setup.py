"""The command line sets things up: organizations, people, keys, sources, rules."""

import json
from pathlib import Path

import pytest

from relay.storage.tables.identity import audit_log
from tests.cli.shell import Shell
from tests.scenarios.house import RULES

FAULTY = """version: 1
rules:
  - id: deal-won-receipt
    owner: revops@example.com
    when: { changed: status, list: Deals, to: Deal won }
    do:
      - use: crm.post_stream
        with: { subject: Won, body: "${item.name}" }
    tests: [{ name: nothing, given: { changed: status, to: Lead }, expect: [] }]
"""


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.yaml"
    path.write_text(FAULTY)
    return path


def test_a_real_organization_is_made_with_its_first_owner(shell: Shell) -> None:
    made = shell.document("org", "create", "Acme", "--time-zone", "Europe/Berlin")
    assert (made["is_test"], made["time_zone"]) == (False, "Europe/Berlin")
    user = ("user", "create", "ann@acme.example", "--name", "Ann", "--role", "owner")
    told = shell.read(*user, "--org", "Acme")
    assert "Password, shown this once: " in told
    assert "which organization? --org First steps | Acme" in shell.refused("user", "list")
    listed = shell.document("user", "list", "--org", "Acme")["data"]
    assert [(one["email"], one["role"]) for one in listed] == [("ann@acme.example", "owner")]
    assert shell.document("event", "list", "--org", "Acme")["data"] == []


def test_settings_of_an_organization_are_set_and_taken_away(shell: Shell) -> None:
    set_ = ("org", "set", "--key-limit", "7", "--setting", "currency=EUR", "--setting", "vat=19")
    assert shell.document(*set_)["settings"] == {"currency": "EUR", "vat": "19"}
    found = shell.document("org", "set", "--unset", "vat")
    assert (found["settings"], found["key_limit"]) == ({"currency": "EUR"}, 7)
    assert "is no time zone" in shell.refused("org", "set", "--time-zone", "Mars/Base")


def test_a_key_is_made_narrow_reset_and_revoked(shell: Shell) -> None:
    words = ("key", "create", "form", "--scope", "crm:write", "--list", "Leads")
    made = shell.document(*words)
    row = next(r for r in shell.document("key", "list")["data"] if r["key"] == made["key"])
    leads = next(r for r in shell.document("list", "list")["data"] if r["title"] == "Leads")
    assert (row["scopes"], row["lists"]) == (["crm:write"], [leads["id"]])
    assert "Leads" in shell.read("key", "list")
    assert made["secret"] not in shell.read("key", "list")
    fresh = shell.document("key", "reset-secret", made["key"])
    assert fresh["secret"] != made["secret"]
    shell.read("key", "revoke", made["key"])
    assert "there is no key" in shell.refused("key", "revoke", made["key"])
    assert "did you mean 'Leads'" in shell.refused("key", "create", "x", "--list", "Lead")


def test_what_is_done_here_is_in_the_audit_log(shell: Shell) -> None:
    shell.read("key", "create", "form")
    actor = shell.house.rows(audit_log)[-1].actor
    assert actor.endswith(" at the command line")


def test_a_password_is_read_from_standard_input_alone(shell: Shell) -> None:
    words = ("user", "create", "bo@acme.example", "--name", "Bo", "--password")
    assert "a list of processes" in shell.refused(*words, "open sesame", status=2)
    made = shell.document(*words, "-", given="correct horse battery\n")
    assert "password" not in made


def test_a_source_is_made_shown_paused_and_rotated(shell: Shell) -> None:
    known = {one["type"] for one in shell.document("source", "types")["data"]}
    assert known >= {"webform", "typeform", "fullcontact", "quickbooks", "webhook"}
    words = (
        "source",
        "create",
        "webform",
        "--name",
        "blog",
        "--option",
        'origins=["https://a.example"]',
    )
    made = shell.document(*words)
    assert made["options"] == {"origins": ["https://a.example"]}
    assert made["url"] in shell.read("source", "show", "blog")
    assert shell.document("source", "pause", "blog")["state"] == "paused"
    assert shell.house.post("blog", data={"email": "a@b.example"}).status_code == 503
    assert shell.document("source", "resume", "blog")["state"] == "active"
    assert shell.document("source", "rotate", "blog")["secret"]
    shell.read("source", "set", "blog", "--option", "region=DE", "--unset", "origins")
    assert shell.document("source", "show", "blog")["options"] == {"region": "DE"}
    assert "has no option 'colour'" in shell.refused(
        "source", "create", "webform", "--name", "x", "--option", "colour=red"
    )
    assert "there is no type of source 'fax'" in shell.refused("source", "create", "fax")


def test_a_mapping_is_checked_before_it_is_kept(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps({"list": "Leads", "nobody": "perhaps"}))
    words = ("source", "create", "webform", "--name", "blog", "--mapping", str(file))
    assert "neither create nor report" in shell.refused(*words)
    file.write_text(json.dumps({"event": "form.submitted", "list": "Leads"}))
    shell.read(*words)
    shell.house.post("blog", data={"email": "ann@example.com"})
    shell.house.settle()
    assert shell.document("run", "list")["data"][0]["state"] == "succeeded"


def test_a_connection_is_tested_paused_and_let_go_on(shell: Shell) -> None:
    assert "quickbooks works: " in shell.read("connection", "test", "quickbooks")
    shell.read("connection", "pause", "quickbooks")
    shell.house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    shell.house.settle()
    assert "paused" in shell.read("connection", "list")
    assert shell.document("connection", "resume", "quickbooks")["released"] == 1
    shell.house.settle()
    assert len(shell.house.books("quickbooks")) == 1


def test_a_target_has_a_secret_that_is_shown_once(shell: Shell) -> None:
    made = shell.document("target", "add", "chat", "https://chat.example.com/hook")
    assert made["secret"] not in shell.read("target", "list")
    shell.read("target", "remove", "chat")
    assert "must begin with https://" in shell.refused("target", "add", "x", "ftp://a.example")


# --- rules ---------------------------------------------------------------------------------------


def test_a_fault_in_a_rule_is_shown_with_its_place_and_help(shell: Shell, faulty: Path) -> None:
    told = shell.read("rules", "lint", str(faulty), status=1)
    assert f"{faulty}:5:47: error[R104] 'Deal won' is not a status of 'Deals'" in told
    line = next(n for n, text in enumerate(told.splitlines()) if text.startswith("    5 | "))
    shown, caret = told.splitlines()[line : line + 2]
    assert caret.rstrip().endswith("^" * len("Deal won"))
    assert shown[caret.index("^") :].startswith("Deal won")
    assert "did you mean 'Deal Won'" in told


def test_a_lint_speaks_json_and_github(shell: Shell, faulty: Path) -> None:
    document = json.loads(shell.read("rules", "lint", str(faulty), "--format", "json", status=1))
    assert document["findings"][0]["code"] == "R104"
    told = shell.read("rules", "lint", str(faulty), "--format", "github", status=1)
    assert told.startswith(f"::error file={faulty},line=5,col=47,endColumn=55,title=R104::")


def test_the_lists_that_builds_check_the_shipped_rules_with_are_the_first_organizations(
    shell: Shell,
) -> None:
    kept = RULES / "schema" / "first-organization.json"
    told = shell.read("rules", "schema", str(kept), "--lists", "--check")
    assert "is up to date" in told


def test_the_shipped_rules_are_sound_tested_and_applied(shell: Shell) -> None:
    assert shell.read("rules", "lint") == ""
    assert shell.document("rules", "test")["ok"]
    applied = shell.document("rules", "apply")
    assert applied["applied"]
    assert shell.document("org", "list")["data"][0]["rule_set"] == applied["set_hash"]


def test_a_set_with_an_error_is_not_applied_and_the_live_one_goes_on(
    shell: Shell, faulty: Path
) -> None:
    before = shell.document("org", "list")["data"][0]["rule_set"]
    refused = shell.document("rules", "apply", str(faulty), status=1)
    assert refused["findings"][0]["code"] == "R104"
    assert shell.document("org", "list")["data"][0]["rule_set"] == before


def test_a_set_whose_test_fails_is_not_applied(shell: Shell, faulty: Path) -> None:
    faulty.write_text(FAULTY.replace("Deal won", "Deal Won").replace("to: Lead", "to: Deal Won"))
    assert "FAILED deal-won-receipt: nothing" in shell.read("rules", "test", str(faulty), status=1)
    told = shell.read("rules", "apply", str(faulty), status=1)
    assert "the test 'nothing' of deal-won-receipt fails" in told


def test_rules_that_cannot_be_read_are_wrong_use(shell: Shell, tmp_path: Path) -> None:
    assert "cannot be read" in shell.refused("rules", "lint", str(tmp_path / "no.yaml"), status=2)
    assert "there are no rule files" in shell.refused("rules", "lint", str(tmp_path), status=2)


def test_tests_are_told_as_junit_and_with_what_they_did_not_reach(
    shell: Shell, tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    shell.read("rules", "test", "--junit", str(report), "-k", "deal-won-receipt")
    assert '<testsuite name="rules"' in report.read_text()
    left = shell.document("rules", "test", "--coverage")["not_reached"]
    assert all(isinstance(places, list) for places in left.values())


def test_a_rule_is_paused_and_goes_on(shell: Shell) -> None:
    shell.read("rules", "pause", "deal-won-receipt")
    shell.house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    shell.house.settle()
    assert shell.house.books("quickbooks") == []
    assert shell.document("rules", "resume", "deal-won-receipt")["released"] == 1
    shell.house.settle()
    assert len(shell.house.books("quickbooks")) == 1
    assert "there is no rule 'nothing'" in shell.refused("rules", "pause", "nothing")


def test_an_empty_home_is_said_in_one_line(shell: Shell, tmp_path: Path) -> None:
    shell.env = {"RELAY_HOME": str(tmp_path / "empty")}
    told = shell.refused("event", "list")
    assert "there is no Relay in" in told
    assert not (tmp_path / "empty" / "relay.db").exists()
    shell.read("db", "upgrade")
    assert "there is no organization yet" in shell.refused("event", "list")


def test_a_sample_is_sent_to_the_running_relay_as_its_sender_would(shell: Shell) -> None:
    sent = shell.document("send-sample", "webform")
    assert (sent["source"], sent["status"], sent["state"]) == ("website", 202, "accepted")
    story = shell.document("event", "show", sent["event_id"])
    assert story["source"] == "website"
    assert "there is no source of type stripe: relay source create stripe" in shell.refused(
        "send-sample", "stripe"
    )
    # Stripe shows its secret once it has the address; the source can be tried before.
    shell.read("source", "create", "stripe")
    assert shell.document("send-sample", "stripe")["state"] == "accepted"
    shell.read("source", "rotate", "stripe", "--secret", "-", given="whsec_theirs\n")
    assert shell.document("send-sample", "stripe")["state"] == "accepted"
    shell.read("source", "create", "webform", "--name", "second")
    assert "which source? website | second" in shell.refused("send-sample", "webform")
    told = shell.read("send-sample", "webform", "--source", "second", "--case", "contact")
    assert told.startswith("Sent contact to second: answered 202. It is evt_")


def test_an_account_is_connected_with_its_secrets_from_standard_input(shell: Shell) -> None:
    shell.document("org", "create", "Acme")
    words = ("connection", "add", "recurly", "--host", "eu", "--setting", "net_terms=14",
             "--org", "Acme")  # fmt: skip
    made = shell.document(*words, given="a private key\n")
    assert (made["base_url"], made["is_sandbox"]) == ("https://v3.eu.recurly.com", False)
    assert made["settings"] == {"net_terms": "14"}
    assert "private" not in str(shell.document("connection", "list", "--org", "Acme"))
    changed = shell.document(
        "connection", "set", "recurly", "--unset", "net_terms", "--org", "Acme"
    )
    assert changed["settings"] == {}
    shell.read("connection", "reconnect", "recurly", "--org", "Acme", given="another key\n")
    waits = shell.read("connection", "add", "quickbooks", "--org", "Acme", given="id\nhush\n")
    assert "Let Relay into the account now" in waits
    shell.read("connection", "remove", "recurly", "--org", "Acme")
    left = shell.document("connection", "list", "--org", "Acme")["data"]
    assert [(one["name"], one["state"]) for one in left] == [("quickbooks", "needs_reconnect")]


def test_a_test_organization_gets_a_sandbox_and_what_there_is_can_be_listed(shell: Shell) -> None:
    made = shell.document("connection", "add", "zuora", "--name", "second")
    assert made["is_sandbox"]
    assert "reaches no real account" in shell.refused("connection", "add", "zuora", "--host", "eu")
    types = {one["provider"]: one for one in shell.document("connection", "types")["data"]}
    assert types["quickbooks"]["secrets"] == ["client_id", "client_secret"]
    assert "deposit_account" in types["quickbooks"]["settings"]


def test_deals_and_books_are_compared_here_and_over_http_alike(shell: Shell) -> None:
    assert "Deals and books agree" in shell.read("booking", "reconcile")
    shell.house.set("Deals", "Granite workshop", "Status", "Deal Won")
    shell.house.settle()
    here = shell.document("booking", "reconcile", status=1)
    assert [one["problem"] for one in here["data"]] == ["not_booked"]
    assert shell.document(*shell.remote, "booking", "reconcile", status=1) == here
    csv = shell.read("booking", "reconcile", "--csv", status=1)
    assert csv.splitlines()[0].startswith("problem,item_id,item_name")
    runs = shell.document("run", "list", "--connector", "quickbooks")["data"]
    assert runs == []
