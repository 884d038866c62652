"""What a rule's text becomes: durations, once, retry, defaults, steps, whom to tell."""

from datetime import timedelta

import pytest

from rules.engine import Once, Retry, Rule
from rules.engine.durations import parse_duration
from rules.engine.schemas import slug_of
from tests.rules.texts import POST, codes, file_of, read, rule

WHEN = "{ created: item, list: Deals }"


def one(text: str) -> Rule:
    return rule(WHEN, f"{text}\n{POST}")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("14d", timedelta(days=14)),
        ("0s", None),
        ("000d", None),
        ("14", None),
        ("14 d", None),
        ("1.5h", None),
        ("-1d", None),
        ("1d2h", None),
        ("1000000d", None),
        ("\N{ARABIC-INDIC DIGIT THREE}d", None),
        (14, None),
    ],
)
def test_a_length_of_time_is_a_number_and_a_letter(text: object, length: timedelta | None) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("", Once()),
        ("once: transition", Once()),
        ("once: item", Once(kind="item")),
        ("once: { per: item, every: 24h }", Once(kind="per", every=timedelta(hours=24))),
    ],
)
def test_once_says_how_often(text: str, once: Once) -> None:
    assert one(text).once == once


@pytest.mark.parametrize(
    ("text", "retry"),
    [
        ("", Retry(5, timedelta(seconds=10), timedelta(hours=1))),
        ("retry: off", Retry(attempts=1)),
        ("retry: { attempts: 10, first: 30s, max: 2h }",
         Retry(10, timedelta(seconds=30), timedelta(hours=2))),
        ("retry: { attempts: 3 }", Retry(3, timedelta(seconds=10), timedelta(hours=1))),
    ],
)  # fmt: skip
def test_retry_says_how_patiently_and_steps_follow_their_rule(text: str, retry: Retry) -> None:
    found = one(text)
    assert found.retry == retry
    assert found.do[0].retry == retry


def test_a_step_may_be_more_patient_than_its_rule() -> None:
    step = "{ use: stop, with: { reason: a }, retry: { attempts: 9 }, on_error: continue }"
    found = rule(WHEN, f"retry: off\ndo: [{step}]")
    assert found.do[0].retry.attempts == 9
    assert found.do[0].on_error == "continue"
    assert found.retry.attempts == 1


def test_the_defaults_of_a_file_hold_for_rules_that_say_nothing() -> None:
    text = (
        "version: 1\ndefaults: { retry: off, on_error: continue, notify: [channel:ops] }\nrules:\n"
        f"  - id: first-rule\n    when: {WHEN}\n    {POST}\n"
        f"  - id: second-rule\n    when: {WHEN}\n    retry: {{ attempts: 3 }}\n    notify: []\n"
        f"    on_error: stop\n    {POST}\n"
    )
    first, second = read(text).rules
    assert (first.retry.attempts, first.on_error, first.notify) == (1, "continue", ("channel:ops",))
    assert (second.retry.attempts, second.on_error, second.notify) == (3, "stop", ())
    assert first.hash != second.hash


def test_a_default_is_in_the_hash_of_the_rules_it_holds_for() -> None:
    plain = f"version: 1\nrules: [{{ id: a-rule, when: {WHEN}, {POST} }}]\n"
    said = plain.replace("rules:", "defaults: { retry: off }\nrules:")
    own = plain.replace("when:", "retry: off, when:")
    assert read(said).rules[0].hash == read(own).rules[0].hash != read(plain).rules[0].hash


def test_steps_without_an_id_are_counted() -> None:
    steps = "do: [{ use: stop, with: { reason: a } }, { id: end, use: stop, with: { reason: b } }]"
    assert [step.id for step in rule(WHEN, steps).do] == ["step_1", "end"]


def test_a_rule_tells_its_places_by_line_and_column() -> None:
    found = rule(WHEN, f"if: item.amount != null\n{POST}")
    assert (found.path, found.line, found.column) == ("rules/a.yaml", 3, 5)
    assert found.marks.at("if") == (5, 9)
    assert found.marks.at("do[0].with.body") == (6, 60)
    assert found.do[0].marks.at("with.body") == (6, 60)
    assert found.marks.at("do[0].with.nothing") == found.marks.at("do[0].with")


@pytest.mark.parametrize(
    ("label", "slug"),
    [
        ("Close Date", "close_date"),
        ("Plan", "plan"),
        ("In", "in_"),
        ("Type", "type_"),
        ("For", "for_"),
        ("2nd Contact", "_2nd_contact"),
        ("Größe (cm)", "gr_e_cm"),
        ("—", "_"),
    ],
)
def test_a_label_has_one_name_in_rules(label: str, slug: str) -> None:
    assert slug_of(label) == slug


def test_all_faults_of_a_rule_are_told_at_once() -> None:
    text = file_of(
        "id: NO\nwhen: { changed: stage, list: Deals }\nif: item.nothing == 1\nonce: daily\n"
        "do: [{ use: crm.nothing }, { use: stop, with: { raeson: a } }]\ntests: [{ expect: 1 }]"
    )
    assert set(codes(text)) >= {
        "R013", "R016", "R108", "R201", "R301", "R303", "R503", "R505", "R506",
    }  # fmt: skip
