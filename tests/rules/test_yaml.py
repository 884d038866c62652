"""YAML is read as people mean it; what is hostile or double-tongued is refused, with its place."""

import time
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.engine.document import MAX_CHARACTERS, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("2026-05-01", "2026-05-01"),
        ("2026-05-01T09:00:00Z", "2026-05-01T09:00:00Z"),
        ("12:30", "12:30"),
        ("007", "007"),
        ("0o10", "0o10"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12", 12),
        ("-3", -3),
        ("0.10", Decimal("0.10")),
        ("1e3", Decimal(1000)),
        ("1e999999", "1e999999"),
        ("9" * 5000, "9" * 5000),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("<<", "<<"),
        ('"12"', "12"),
    ],
)
def test_a_plain_value_is_read_as_yaml_1_2_reads_it_and_what_is_doubtful_as_text(
    text: str, value: object
) -> None:
    found = read(f"a: {text}", "a.yaml")
    assert not found.findings
    assert found.value == {"a": value}
    assert type(found.value["a"]) is type(value)  # type: ignore[index]  # a map, by the line above


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: &x 1\nb: 2", "R003", 1, 4),
        ("a: 1\nb: *x", "R003", 2, 4),
        ("a: 1\nb:\n  <<: *x", "R003", 3, 7),
        ("a: 1\nb: 2\na: 3", "R002", 3, 1),
        ("a: { b: 1, b: 2 }", "R002", 1, 12),
        ("a: !!python/object:os.system 1", "R004", 1, 4),
        ("a: !!binary aGk=", "R004", 1, 4),
        ("? [a, b]\n: 1", "R004", 1, 3),
        ("a:\n\tb: 1", "R001", 2, 1),
        ("a: [1, 2", "R001", 1, 9),
        ('a: "b', "R001", 1, 6),
        ("a: b: c", "R001", 1, 5),
        ("a: 1\nb: x\x00y", "R001", 2, 5),
        ("a: 1\n---\nb: 2", "R009", 2, 1),
        ("a: " + "[" * 3000 + "]" * 3000, "R008", 1, 36),
        ("a: " + "{ a: " * 3000, "R008", 1, 164),
        ("\n".join("  " * n + "a:" for n in range(400)), "R008", 34, 67),
        ("- " * 3000 + "a", "R008", 1, 67),
    ],
)
def test_what_is_refused_is_told_with_its_place(
    text: str, code: str, line: int, column: int
) -> None:
    found = read(text, "a.yaml").findings[0]
    assert (found.code, found.line, found.column) == (code, line, column), found


def test_a_file_of_ten_megabytes_is_refused_at_once() -> None:
    began = time.process_time()
    (found,) = read("a: 1\n" * 2_000_000, "a.yaml").findings
    assert found.code == "R008"
    assert f"{MAX_CHARACTERS:,}" in found.message
    assert time.process_time() - began < 1


def test_aliases_that_double_are_not_followed() -> None:
    """The billion laughs: nine levels of nine aliases."""
    levels = ["a0: &a0 [ha]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    found = read("\n".join(levels), "a.yaml")
    assert {one.code for one in found.findings} == {"R003"}
    assert len(str(found.value)) < 1000


@given(st.text(max_size=200))
@example("a: \x85b: &c")
@example("? ")
@example("*")
@example("%YAML 9.9\n---\n")
@example("\ufeffa: 1")
def test_no_text_is_more_than_a_finding(text: str) -> None:
    found = read(text, "a.yaml")
    for one in found.findings:
        assert 1 <= one.line <= len(found.lines)
        assert one.column >= 1


# Characters that no style folds, escapes or ends a line with.
_LETTERS = st.text(st.sampled_from("abcxyz ÄÖ€'\"\\#:{}$&|"), min_size=1, max_size=30)


def _double(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@given(_LETTERS, st.sampled_from([_double, _single]), st.data())
def test_a_character_of_a_value_is_found_in_the_file(
    text: str, quote: object, data: st.DataObject
) -> None:
    assert callable(quote)
    document = read(f"a:\n  b: {quote(text)}", "a.yaml")
    assert document.value == {"a": {"b": text}}
    offset = data.draw(st.integers(0, len(text) - 1))
    line, column = document.locate("a.b", offset)
    rest = document.lines[line - 1][column - 1 :]
    written = quote(text[offset])[1:-1]
    assert rest.startswith(written)


def test_a_character_of_block_text_is_found_in_the_file() -> None:
    document = read("a: >-\n    item.amount > 1\n    && item.plan == 'x'\n", "a.yaml")
    text = "item.amount > 1 && item.plan == 'x'"
    assert document.value == {"a": text}
    assert document.locate("a", text.index("item.plan")) == (3, 8)
