"""What holds for all rules, conditions and values."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.engine import Match, Rule, RuleError, RuleSet, Trigger, load, resolve, rule_hash
from rules.engine.expr import program
from rules.engine.templates import compile_value
from tests.rules.texts import VERBS, file_of, read, rule

# --- conditions ---------------------------------------------------------------------------------

_LEAVES = st.sampled_from(
    [
        "true",
        "false",
        "item.amount > 10",
        "item.amount != null",
        "item.amount == 10",
        'item.plan == "annual"',
        'item.plan in ["annual", "monthly"]',
        "item.close_date < now",
        "item.emails.size() > 0",
        'item.emails.exists(e, e.endsWith(".org"))',
        "has(event.body.total) && event.body.total > 5",
        "item.gone",
    ]
)
_CONDITIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
    ),
    max_leaves=5,
)
_AMOUNTS = st.none() | st.integers(0, 20) | st.decimals(0, 20, places=2) | st.just("ten")
_FACTS = st.fixed_dictionaries(
    {
        "item": st.fixed_dictionaries(
            {
                "amount": _AMOUNTS,
                "plan": st.sampled_from([None, "annual", "monthly", "one-off"]),
                "close_date": st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1)),
                "emails": st.lists(st.sampled_from(["a@b.org", "a@b.com"]), max_size=2),
            }
        ),
        "event": st.fixed_dictionaries(
            {"body": st.dictionaries(st.sampled_from(["total", "other"]), st.integers(0, 9))}
        ),
        "now": st.just(datetime(2026, 1, 5, 12, tzinfo=UTC)),
    }
)


def answer(text: str, facts: Mapping[str, object]) -> bool | None:
    """True, false, or None where it cannot be said."""
    try:
        found = program(text).run(facts)
    except RuleError:
        return None
    assert type(found) is bool
    return found


@given(_CONDITIONS, _FACTS)
def test_a_condition_or_its_negation_holds_or_both_are_errors(text: str, facts: Any) -> None:
    plain, turned = answer(text, facts), answer(f"!({text})", facts)
    assert turned is (None if plain is None else not plain)


@given(_CONDITIONS, _CONDITIONS, _FACTS)
def test_de_morgan(one: str, other: str, facts: Any) -> None:
    both = answer(f"!(({one}) && ({other}))", facts)
    assert both is answer(f"!({one}) || !({other})", facts)


@given(_CONDITIONS, _CONDITIONS, _FACTS)
def test_order_does_not_matter_to_and_nor_to_or(one: str, other: str, facts: Any) -> None:
    for sign in ("&&", "||"):
        assert answer(f"({one}) {sign} ({other})", facts) is answer(
            f"({other}) {sign} ({one})", facts
        )


# --- values -------------------------------------------------------------------------------------

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES)
def test_a_path_gives_the_value_itself_whatever_its_type(value: object) -> None:
    given_value = compile_value("${event.body}", "with")({"event": {"body": value}})
    assert given_value == value
    assert type(given_value) is type(value)


@given(st.text())
def test_text_without_an_expression_is_that_text(text: str) -> None:
    written = text.replace("${", "$${")
    if text.endswith("$") or "$$" in text:
        return  # a lone dollar before a brace of ours is another text
    assert compile_value(written, "with")({}) == text


@given(st.text(st.characters(blacklist_characters='"\\\n\r', blacklist_categories=["C"])))
def test_a_brace_in_a_text_of_an_expression_does_not_end_it(text: str) -> None:
    filled = compile_value(f'a${{"{text}"}}b', "with")
    assert filled({}) == f"a{text}b"


# --- files --------------------------------------------------------------------------------------

_KEYS = st.text("abcdefgh_", min_size=1, max_size=8)
_LITERALS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.decimals(-1000, 1000, places=2)
    | st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12).map(
        lambda text: text.replace("${", "$")
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=6,
)


def _dumped(value: object) -> str:
    """YAML's own JSON, decimals digit by digit."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(k)}: {_dumped(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_dumped, value))}]"
    return json.dumps(value)


@given(st.dictionaries(_KEYS, _LITERALS, max_size=4))
def test_a_rule_that_is_dumped_and_read_is_the_rule(data: dict[str, object]) -> None:
    step = _dumped({"use": "emit", "with": {"type": "a.b", "data": data}})
    first = read(file_of(f"id: a-rule\nwhen: {{ created: contact }}\ndo: [{step}]"))
    assert first.ok, first.findings
    kept = first.rules[0].data
    second = read(f"version: 1\nrules: [{_dumped(dict(kept))}]")
    assert second.rules[0].data == kept
    assert rule_hash(second.rules[0]) == rule_hash(first.rules[0])
    facts: dict[str, object] = {}
    assert resolve(second.rules[0].do[0], facts) == resolve(first.rules[0].do[0], facts)


@given(st.permutations(["id: a-rule", "when: { created: contact }", "enabled: false", "name: A",
                        "do: [{ use: stop, with: { reason: a } }]"]), st.booleans())  # fmt: skip
def test_the_order_of_keys_comments_names_and_tests_are_in_no_hash(
    lines: list[str], commented: bool
) -> None:
    text = file_of("\n".join(lines))
    plain = file_of("\n".join(line for line in sorted(lines) if not line.startswith("name")))
    if commented:
        text = "# said\n" + text + "\n    # and said again\n"
    assert read(text).rules[0].hash == read(plain).rules[0].hash


def test_whatever_a_rule_does_is_in_its_hash() -> None:
    base = rule("{ changed: status, list: Deals }")
    others = [
        rule("{ changed: status, list: Leads }"),
        rule("{ changed: status, list: Deals, to: Paid }"),
        rule("{ changed: status, list: Deals }", "do: [{ use: stop, with: { reason: a } }]"),
        rule("{ changed: status, list: Deals }", id="b-rule"),
    ]
    assert len({one.hash for one in (base, *others)}) == 5


@given(st.data())
def test_a_damaged_file_is_findings_inside_the_file_and_nothing_worse(data: st.DataObject) -> None:
    text = (
        "version: 1\nrules:\n  - id: a-rule\n    when: { changed: status, list: Deals, to: Paid }\n"
        "    if: item.amount != null && item.amount > 0\n    once: { per: item, every: 24h }\n"
        "    do:\n      - id: one\n        use: crm.update_item\n"
        '        with: { fields: { status: "${item.plan}" } }\n'
        "    tests: [{ name: a, given: { changed: status }, expect: [] }]\n"
    )
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    put = data.draw(st.text("abc:{}[]\"'$ \n-&*!#|>0~\t", max_size=6))
    damaged = text[:start] + put + text[end:]
    found = load({"a.yaml": damaged}, verbs=VERBS, schemas=None)
    lines = damaged.split("\n")
    for one in found.findings:
        assert 1 <= one.line <= len(lines)
        assert 1 <= one.column <= len(lines[one.line - 1]) + 1


# --- the index ----------------------------------------------------------------------------------

_STATES = st.sampled_from(["Lead", "Proposal", "Paid", None])
_SOME = st.none() | st.lists(_STATES, min_size=1, max_size=2).map(tuple)
_TRIGGERS = st.builds(
    Trigger,
    kind=st.just("changed"),
    subject=st.sampled_from(["status", "plan"]),
    list=st.sampled_from(["Deals", "Leads"]),
    from_values=_SOME,
    to_values=_SOME,
    not_from=st.lists(_STATES, max_size=1).map(tuple),
    not_to=st.lists(_STATES, max_size=1).map(tuple),
    held_for=st.none() | st.just(timedelta(days=1)),
)
_RULES = st.lists(st.lists(_TRIGGERS, min_size=1, max_size=2).map(tuple), max_size=6).map(
    lambda whens: [Rule(id=f"r{n}", when=when, do=()) for n, when in enumerate(whens)]
)


def _fires(trigger: Trigger, title: str, field: str, before: object, after: object) -> bool:
    """The reference's words, one by one."""
    return (
        (trigger.list, trigger.subject) == (title, field)
        and (trigger.from_values is None or before in trigger.from_values)
        and (trigger.to_values is None or after in trigger.to_values)
        and before not in trigger.not_from
        and after not in trigger.not_to
    )


@given(_RULES, st.sampled_from(["Deals", "Leads"]), st.sampled_from(["status", "plan"]),
       _STATES, _STATES)  # fmt: skip
def test_the_index_finds_what_a_look_at_every_rule_finds(
    rules: list[Rule], title: str, field: str, before: object, after: object
) -> None:
    found = RuleSet(rules, hash="x").changed(title, field, before, after)
    wanted = []
    for one in rules:
        fitting = (
            n
            for n, trigger in enumerate(one.when)
            if trigger.held_for is None and _fires(trigger, title, field, before, after)
        )
        first = next(fitting, None)
        if first is not None:
            wanted.append(Match(one, first))
    assert sorted(found, key=lambda match: match.rule.id) == wanted
