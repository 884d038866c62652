"""Which rules are live, under which name, since when, and how they come to be."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from relay.core.errors import NotFound
from relay.pipeline import arrange, connect, rules, versions
from relay.pipeline.definitions import Definer
from relay.pipeline.misfit import no_longer_fit
from relay.pipeline.watch import Watch
from relay.setups import Setup
from relay.storage import rulesets
from relay.storage.tables.notices import mails
from tests.scenarios.house import RULES, House


def setup_of(house: House) -> Setup:
    with house.runtime.db.read() as conn:
        return house.runtime.setups.of(conn, house.made.org)


def test_a_rule_that_was_only_renamed_is_shown_under_its_new_name(house: House) -> None:
    texts = rules.texts_in(RULES)
    renamed = {
        path: text.replace("Book a won deal", "Bill a won deal") for path, text in texts.items()
    }
    assert renamed != texts
    before = rules.apply(house.runtime, house.made.org, texts, by="a person")
    after = rules.apply(house.runtime, house.made.org, renamed, by="a person")
    assert after == before
    assert setup_of(house).rules.by_id["deal-won-receipt"].name.startswith("Bill a won deal")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A watched folder with the shipped rules."""
    made = tmp_path / "watched"
    made.mkdir()
    for file in RULES.glob("*.yaml"):
        shutil.copy(file, made)
    return made


@pytest.fixture
def watch(house: House, folder: Path) -> Watch:
    settings = replace(house.runtime.settings, rules_dir=folder)
    return Watch(replace(house.runtime, settings=settings))


def change(folder: Path, old: str, new: str) -> None:
    file = folder / "invoice.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_change_in_the_watched_folder_goes_live_and_back(
    house: House, folder: Path, watch: Watch
) -> None:
    first = setup_of(house).set_hash
    watch.begin()
    assert not watch.look(), "nothing has changed"
    change(folder, 'body: "Due ', 'body: "Pay by ')
    assert not watch.look(), "it may still be being written"
    assert not watch.look(), "its test fails: the last good set goes on"
    assert setup_of(house).set_hash == first
    told = httpx.get(f"{house.base_url}/readyz", trust_env=False).json()
    assert told["rules"] == "stale"
    assert "rules/invoice.yaml:" in told["finding"]
    change(folder, 'body: "Pay by ', 'body: "Due ')
    change(folder, 'subject: "Invoice ${event.data.number} sent"', 'subject: "Sent"')
    change(folder, "subject: Invoice 1042 sent", "subject: Sent")
    watch.look()
    assert watch.look()
    second = setup_of(house).set_hash
    assert second != first
    assert httpx.get(f"{house.base_url}/readyz", trust_env=False).json()["rules"] == "live"
    versions.rollback(house.runtime, house.made.org, first[:12], by="a person")
    assert setup_of(house).set_hash == first
    watch.begin()
    assert setup_of(house).set_hash == first, "it was live before: somebody took it back"
    with house.runtime.db.read() as conn:
        past = versions.history(conn, house.made.org, "invoice-sent")
        everything = versions.history(conn, house.made.org)
        differs = versions.diff(house.runtime, conn, house.made.org, first, second)
    assert [one["set_hash"] for one in past] == [first, second, first]
    assert [one["applied_by"] for one in past][:2] == ["a person", "the watched folder"]
    assert [change["change"] for one in past for change in one["changes"]] == [
        "changed", "changed", "added",
    ]  # fmt: skip
    assert len(everything) == 3
    (one,) = differs["rules"]
    assert (one["rule"], one["change"]) == ("invoice-sent", "changed")
    assert '+          subject: "Sent"' in one["diff"]


def test_a_folder_without_rules_takes_nothing_away(
    house: House, folder: Path, watch: Watch
) -> None:
    first = setup_of(house).set_hash
    for file in folder.iterdir():
        file.unlink()
    watch.look()
    watch.look()
    assert not watch.apply()
    assert setup_of(house).set_hash == first


def test_a_set_there_never_was_cannot_be_gone_back_to(house: House) -> None:
    with pytest.raises(NotFound, match="no rule set 'abc'"):
        versions.rollback(house.runtime, house.made.org, "abc", by="a person")


def test_a_run_ends_with_the_version_it_began_with(house: House) -> None:
    """Its steps wait while another version goes live."""
    path = "/v3/company/9130350000000001/salesreceipt"
    house.fault("quickbooks", fault="timeout_after_work", path=path, times=1)
    house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    house.settle()
    texts = rules.texts_in(RULES)
    text = texts["rules/deal-won.yaml"]
    changed = text.replace("Sales receipt ${steps", "Receipt ${steps").replace(
        "body: Sales receipt CRM-1a2b.", "body: Receipt CRM-1a2b."
    )
    rules.apply(house.runtime, house.made.org, {**texts, "rules/deal-won.yaml": changed}, by="me")
    house.later()
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    assert run.set_hash != setup_of(house).set_hash
    assert house.steps(run.id)[-1].input["body"].startswith("Sales receipt ")


def test_live_rules_that_no_longer_fit_the_lists_are_told_of_until_they_do(house: House) -> None:
    """An option that a rule names gets another name, although it is in use: the set goes on, and
    whoever looks is told which line it is."""
    before = setup_of(house).set_hash
    deals = house.its_list("Deals")
    status = next(one for one in deals["fields"] if one["name"] == "Status")
    proposal = next(one for one in status["listOptions"] if one["display"] == "Proposal")

    def rename(label: str) -> dict[str, str]:
        definer = Definer(runtime=house.runtime, org=house.made.org, by="me", force=True)
        definer.rename_option(deals["id"], status["id"], proposal["id"], label)
        for _ in range(2):
            house.engine.sweep()
            house.settle()
        told: dict[str, str] = httpx.get(f"{house.base_url}/readyz", trust_env=False).json()
        return told

    told = rename("Offer")
    assert (told["status"], told["rules"]) == ("ready", "stale")
    assert told["finding"].startswith("rules/stale-proposal.yaml:")
    assert "R104 'Proposal' is not a status of 'Deals'" in told["finding"]
    assert setup_of(house).set_hash == before
    house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    house.settle()
    assert house.runs("deal-won-receipt")[0].state == "succeeded"
    assert rename("Proposal")["rules"] == "live"
    first, second = (row.subject.partition("] ")[2] for row in house.rows(mails))
    assert first == "The live rules no longer fit the lists"
    assert second == "The live rules fit again"


def test_a_target_that_rules_name_is_missed_when_it_is_gone(small_house: House) -> None:
    house = small_house
    arrange.remove_target(house.runtime, house.made.org, "sales-channel", by="me")
    told = httpx.get(f"{house.base_url}/readyz", trust_env=False).json()
    assert "there is no target 'sales-channel'" in told["finding"]
    arrange.add_target(
        house.runtime, house.made.org, "sales-channel", "https://hooks.relay.example/x", by="me"
    )
    assert httpx.get(f"{house.base_url}/readyz", trust_env=False).json()["rules"] == "live"


NAMING = """\
version: 1
rules:
  - id: names-what-there-is
    when: { changed: status, list: Deals, to: Deal Won }
    do:
      - use: quickbooks.invoice
        connection: quickbooks
        with: { customer: "${account.name}", amount: '${setting("vat_rate")}' }
    tests:
      - { name: another status is nothing, given: { changed: status, to: Lead }, expect: [] }
"""

Change = Callable[[House], object]


def _added(name: str, provider: str) -> Change:
    new = connect.NewConnection(provider=provider, name=name)
    return lambda house: connect.add(house.runtime, house.made.org, new, by="me")


def _removed(name: str) -> Change:
    return lambda house: connect.remove(house.runtime, house.made.org, name, by="me")


def _renamed(name: str, to: str) -> Change:
    return lambda house: connect.change(house.runtime, house.made.org, name, name=to, by="me")


def _paused(name: str, *, paused: bool) -> Change:
    return lambda house: arrange.pause_connection(
        house.runtime, house.made.org, name, paused=paused, by="me"
    )


def _setting(value: object) -> Change:
    settings = {"vat_rate": value}
    return lambda house: arrange.change_organization(
        house.runtime, house.made.org, settings=settings, by="me"
    )


def test_a_change_of_connections_or_settings_lints_the_live_rules_again(small_house: House) -> None:
    """Each change with what it makes of the live rules, and the one that mends it. A paused
    connection is there: its runs are held, and no rule is wrong."""
    house = small_house
    _setting(19)(house)
    house.apply({"rules/naming.yaml": NAMING})
    changes: Sequence[tuple[Change, set[str], str, Change]] = (
        (_removed("recurly"), {"there is no connection to recurly"}, "connections",
         _added("recurly", "recurly")),
        (_added("books", "quickbooks"), {"there are several connections to quickbooks"},
         "connections", _removed("books")),
        (_renamed("quickbooks", "books"), {"there is no connection 'quickbooks' to quickbooks"},
         "connections", _renamed("books", "quickbooks")),
        (_setting(None), {"the organization has no setting 'vat_rate'"}, "settings", _setting(7)),
        (_paused("zuora", paused=True), set(), "", _setting(19)),
        (_paused("zuora", paused=False), set(), "", _setting(7)),
    )  # fmt: skip
    for change, told, what, mend in changes:
        change(house)
        found = _misfits(house)
        assert {one["message"] for one in found} == told
        if what:
            assert no_longer_fit(found) == f"The live rules no longer fit the {what}"
        mend(house)
        assert not _misfits(house)


def _misfits(house: House) -> Sequence[rulesets.Kept]:
    """What the live rules are told to be wrong with."""
    with house.runtime.db.read() as conn:
        return rulesets.findings_of(conn, house.made.org).live
