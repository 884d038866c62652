"""Facts from what people typed, and numbers that keep their digits."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nameparser import HumanName

from relay import forms, people
from relay.core import exact_json, options
from relay.core.errors import Unreadable
from relay.core.facts import at_path, clean, cleaned, document, find_person, flattened


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann.Lee+crm@Example.COM", "ann.lee+crm@example.com"),
        (" ann@example.com\r\n", "ann@example.com"),
        ("Ann Lee <ann@example.com>", "ann@example.com"),
        ("mailto:ann@example.com", "ann@example.com"),
        ("ann@team.test", "ann@team.test"),
        ("ann@büro.example.com", "ann@büro.example.com"),
        ("ann@localhost", None),
        ("ann", None),
        ("a" * 400 + "@example.com", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_kept_in_one_form(typed: str | None, kept: str | None) -> None:
    assert people.email(typed) == kept


@pytest.mark.parametrize(
    ("typed", "region", "kept"),
    [
        ("(415) 555-2671", "US", "+14155552671"),
        ("030 901820", "DE", "+4930901820"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("415-555-2671 ext 12", "US", "+14155552671 x12"),
        ("ask my office", "US", "ask my office"),
        ("12", "US", "12"),
        ("  ", "US", None),
    ],
)
def test_a_telephone_number_is_written_internationally(
    typed: str, region: str, kept: str | None
) -> None:
    assert people.phone(typed, region) == kept


def test_a_whole_name_and_its_halves_fill_each_other_in() -> None:
    assert people.person({"name": "Dr. Ann van der Berg"})["last_name"] == "van der Berg"
    assert people.person({"first_name": "Ann", "last_name": "Lee"})["name"] == "Ann Lee"
    assert people.person({"name": "Ann Lee", "first_name": "Annie"})["last_name"] is None
    assert people.person({})["name"] is None


WORDS = st.sampled_from(["Ann", "Lee", "Dr", "van", "Jr", "y", "Mr", "MD", "Ma", "Bo", "O'Neil",
                         "Ann-Marie", "De", "Ste", "José", "Sir", "Esq", "III", "X", "Juan",
                         "and", "Do", "李", "Müller"])  # fmt: skip


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_a_name_is_split_as_the_name_parser_splits_it(words: list[str]) -> None:
    parsed = HumanName(" ".join(words))
    assert people.split_name(" ".join(words)) == (parsed.first or None, parsed.last or None)


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("Email Address", "email"),
        ("e-mail", "email"),
        ("fields[email][value]", "email"),
        ("data[merges][EMAIL]", "email"),
        ("contact.email", "email"),
        ("your-name", "name"),
        ("FNAME", "first_name"),
        ("Last Name", "last_name"),
        ("tel", "phone"),
        ("organisation", "company"),
    ],
)
def test_a_fact_is_found_by_the_field_s_usual_names(name: str, fact: str) -> None:
    assert find_person([("other", "x"), (name, "value@example")])[fact] == "value@example"


def test_a_form_s_own_name_is_nobody_s() -> None:
    assert find_person([("form[name]", "Contact form"), ("meta[email][value]", "x")]) == {}


def test_the_only_address_is_taken_whatever_its_field_is_called() -> None:
    assert find_person([("q7", "ann@example.com")]) == {"email": "ann@example.com"}
    assert find_person([("q7", "ann@example.com"), ("q8", "bo@example.com")]) == {}


def test_control_characters_and_half_characters_are_taken_out_and_lines_stay() -> None:
    assert clean(" a\x00b\ud800c\r\nd\te\x1b ") == "abc\nd\te"
    assert cleaned({"a\x00": ["\x00b", {"c": 1}]}) == {"a": ["b", {"c": 1}]}


def test_a_body_nested_without_end_is_unreadable() -> None:
    for body in (b"[" * 100_000, b"[" * 100 + b"]" * 100, b"{", b"NaN", b"\xff"):
        with pytest.raises(Unreadable):
            document(body)


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.b[1].c", 7), ("$.a.b[1].c", 7), ("a.b[9].c", None), ("a.x.y", None), ("a[0]", None)],
)
def test_a_value_is_found_by_its_path(path: str, found: object) -> None:
    assert at_path({"a": {"b": [0, {"c": 7}]}}, path) == found


def test_nested_fields_are_flattened_and_a_list_stands_for_its_first() -> None:
    fields = {"a": {"b": ["x", "y"]}, "c": [], "d": True, "e": [{"f": 1}], "g": None}
    assert list(flattened(fields)) == [("a.b", "x"), ("e.f", "1")]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_a_decimal_comes_back_with_every_digit(number: Decimal) -> None:
    written = exact_json.dumps({"n": number})
    assert Decimal(written[5:-1]) == number
    assert str(exact_json.loads('{"n":200.10}')["n"]) == "200.10"
    assert exact_json.dumps(Decimal("200.10")) == "200.10"


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("inf")])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        exact_json.dumps(value)


def test_dates_and_enormous_exponents_stay_short() -> None:
    assert exact_json.dumps([date(2026, 11, 24), (Decimal("1e999999"),)]) == (
        '["2026-11-24",[1E+999999]]'
    )


def test_more_fields_than_any_form_has_are_refused() -> None:
    body = b"&".join(b"a%d=1" % each for each in range(1_001))
    with pytest.raises(Unreadable, match="1000 fields"):
        forms.read(forms.FORM, body)


def test_options_come_as_text_or_as_lists() -> None:
    given = {"list": ["a ", ""], "text": "a, b\nc", "no": "no", "yes": True, "empty": ""}
    assert options.texts(given, "list") == ["a"]
    assert options.texts(given, "text") == ["a", "b", "c"]
    assert options.texts(given, "absent") == []
    assert not options.yes(given, "no", default=True)
    assert options.yes(given, "yes", default=False)
    assert options.yes(given, "empty", default=True)
