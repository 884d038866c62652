"""People as facts."""

from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from nameparser import HumanName

from relay import people

LABEL = st.from_regex(r"[a-zA-Z0-9]{1,12}(-[a-z0-9]{1,4}){0,2}", fullmatch=True)
TOP = st.sampled_from(["com", "io", "test", "local", "invalid", "localhost", "c", "123", "arpa"])
LOCAL = st.from_regex(r"[a-zA-Z0-9._+-]{1,20}", fullmatch=True)
ADDRESS = st.builds(lambda a, b, c: f"{a}@{b}.{c}", LOCAL, LABEL, TOP)


def by_the_library(text: str) -> str | None:
    try:
        valid = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return valid.normalized.lower()


@given(ADDRESS)
def test_the_short_way_for_plain_addresses_says_what_the_library_says(address: str) -> None:
    assert people.email(address) == by_the_library(address)


WORD = st.from_regex(r"[A-Za-z]{1,9}", fullmatch=True)


@given(st.lists(WORD, min_size=1, max_size=3))
def test_the_short_way_for_plain_names_says_what_the_library_says(words: list[str]) -> None:
    parsed = HumanName(" ".join(words))
    assert people.split_name(" ".join(words)) == (parsed.first or None, parsed.last or None)
