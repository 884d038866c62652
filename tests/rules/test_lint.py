"""What `relay rules lint` prints: to the letter, all findings at once, in three forms."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relay.cli import cli
from relay.cli.invocation import Invocation
from tests.rules.texts import RULES, codes, file_of

FAULTY = """\
version: 1
rules:
  - id: deal-won-receipt
    owner: revops@example.com
    when: { changed: status, list: Deals, to: Deal won }
    if: item.amuont > 1000 && item.paid_amount > 100
    do:
      - use: quickbooks.sales_receipt
        with: { custmer: "${account.name}", amount: "${item.amount}" }
    tests: [{ name: nothing, given: { changed: status, to: Lead }, expect: [] }]
"""
TOLD = """\
rules/deal-won.yaml:5:47: error[R104] 'Deal won' is not a status of 'Deals'
    5 |     when: { changed: status, list: Deals, to: Deal won }
      |                                               ^^^^^^^^
      = help: did you mean 'Deal Won'? statuses: Lead, Proposal, Negotiation, Deal Won, Paid, Deal Lost
rules/deal-won.yaml:6:14: error[R201] unknown field 'amuont' on list 'Deals'
    6 |     if: item.amuont > 1000 && item.paid_amount > 100
      |              ^^^^^^
      = help: did you mean 'amount'? (number)
rules/deal-won.yaml:6:31: warning[R210] ordering on 'paid_amount', which may be empty
    6 |     if: item.amuont > 1000 && item.paid_amount > 100
      |                               ^^^^^^^^^^^^^^^^
      = help: item.paid_amount != null && item.paid_amount > 100
rules/deal-won.yaml:9:17: error[R301] quickbooks.sales_receipt has no parameter 'custmer'
    9 |         with: { custmer: "${account.name}", amount: "${item.amount}" }
      |                 ^^^^^^^
      = help: did you mean 'customer'? (text, required)
"""  # noqa: E501 - to the letter
SOUND = FAULTY.replace("Deal won", "Deal Won").replace("amuont", "seats")
SOUND = SOUND.replace("custmer", "customer")
CONDITION = "if: item.seats > 1000 && item.paid_amount > 100"
BLOCK = """if: >-
      item.seats != null && item.seats > 1
      && item.palm == 'x\ty' && item.plan == 'z'"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's folder with its rules, in which commands are typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    return tmp_path / "rules"


def lint(*words: str) -> Result:
    schema = str(RULES / "schema/first-organization.json")
    words = ("rules", "lint", "rules", "--schema", schema, *words)
    return CliRunner().invoke(cli, list(words), obj=Invocation(env={}))


def test_a_file_with_four_faults_is_told_to_the_letter(folder: Path) -> None:
    (folder / "deal-won.yaml").write_text(FAULTY)
    result = lint()
    assert result.stdout == TOLD
    assert result.stderr == "1 rule: 3 errors, 1 warning\n"
    assert result.exit_code == 1


def test_its_json_says_the_same(folder: Path) -> None:
    (folder / "deal-won.yaml").write_text(FAULTY)
    result = lint("--format", "json")
    document = json.loads(result.stdout)
    assert not document["ok"]
    assert document["findings"][0] == {
        "code": "R104",
        "severity": "error",
        "path": "rules/deal-won.yaml",
        "line": 5,
        "column": 47,
        "length": 8,
        "message": "'Deal won' is not a status of 'Deals'",
        "help": "did you mean 'Deal Won'? "
        "statuses: Lead, Proposal, Negotiation, Deal Won, Paid, Deal Lost",
    }
    assert [one["code"] for one in document["findings"]] == ["R104", "R201", "R210", "R301"]
    assert result.stderr == ""


def test_a_build_gets_annotations(folder: Path) -> None:
    (folder / "100%,a:b.yaml").write_text(FAULTY)
    first = lint("--format", "github").stdout.splitlines()[0]
    assert first.startswith(
        "::error file=rules/100%25%2Ca%3Ab.yaml,line=5,col=47,endColumn=55,title=R104::'Deal won'"
    )


def test_warnings_alone_are_printed_and_count_when_strict(folder: Path) -> None:
    (folder / "deal-won.yaml").write_text(SOUND)
    result = lint()
    assert result.exit_code == 0
    assert "warning[R210]" in result.stdout
    assert lint("--strict").exit_code == 1


def test_a_file_that_cannot_be_read_ends_with_status_2(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes(b"version: 1 # caf\xe9\n")
    result = lint()
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_the_findings_of_several_files_are_in_the_order_of_their_places(folder: Path) -> None:
    (folder / "b.yaml").write_text(FAULTY.replace("deal-won-receipt", "b-rule"))
    (folder / "a.yaml").write_text("version: 2\n")
    lines = lint().stdout.splitlines()
    places = [line.split(": ")[0] for line in lines if line.startswith("rules")]
    assert places[0].startswith("rules/a.yaml")
    assert places[-1] == "rules/b.yaml:9:17"


def test_a_mark_stands_under_its_place_behind_a_tab_and_in_block_text(folder: Path) -> None:
    text = SOUND.replace(CONDITION, BLOCK)
    (folder / "deal-won.yaml").write_text(text)
    lines = lint().stdout.splitlines()
    marked = [(lines[n - 1], line) for n, line in enumerate(lines) if "^" in line]
    shown = [text[line.index("^") : line.rindex("^") + 1] for text, line in marked]
    assert shown == ["palm", "'z'"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("if: item.name == 'a: b'", "quote a text that holds ': '"),
        (
            "if: item.name == 'a #b'",
            "YAML cut the text at ' #': quote it, or write it as a >- block",
        ),
        ("if: item.plan = 'annual'", "== compares"),
        ("\tif: true", "indent with spaces, not with tabs"),
    ],
)
def test_what_yaml_or_a_habit_makes_of_a_condition_is_explained(
    folder: Path, written: str, said: str
) -> None:
    (folder / "deal-won.yaml").write_text(SOUND.replace(CONDITION, written))
    assert f"      = help: {said}\n" in lint().stdout


WRITES = "do: [{ use: crm.update_item, with: { fields: { receipt_no: a } } }]"
MEETINGS = [
    ("{ changed: status, list: Deals, to: Paid }", "{ changed: status, list: Deals }", True),
    ("{ changed: status, list: Deals }", "{ changed: status, list: Deals, to: Paid }", True),
    ("{ changed: status, list: Deals, to: [Lead, Paid] }",
     "{ changed: status, list: Deals, to: [Paid, Proposal] }", True),
    ("{ changed: status, list: Deals, to: Lead }",
     "{ changed: status, list: Deals, to: Paid }", False),
    ("{ changed: status, list: Deals }", "{ changed: plan, list: Deals }", False),
    ("{ created: item, list: Deals }", "{ created: item, list: Deals }", True),
    ("{ created: item, list: Deals }", "{ changed: status, list: Deals }", False),
    ("{ scheduled: 2h, list: Deals }", "{ scheduled: 2h, list: Deals }", False),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "meet"), MEETINGS)
def test_two_rules_that_one_change_fires_do_not_write_one_field_unnoticed(
    one: str, other: str, meet: bool
) -> None:
    text = file_of(f"id: one-rule\nwhen: {one}\n{WRITES}", f"id: two-rule\nwhen: {other}\n{WRITES}")
    assert ("R402" in codes(text)) is meet
