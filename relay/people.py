"""People as facts: addresses, names and telephone numbers in the one form we keep them in."""

import re
from collections.abc import Mapping
from email.utils import parseaddr

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from nameparser import HumanName
from nameparser.config import CONSTANTS
from phonenumbers import NumberParseException, PhoneNumberFormat

from relay.core.facts import clean

REGION = "US"
LONGEST_NAME = 200
LONGEST_PHONE = 60
LONGEST_EMAIL = 320
_FEW = 2

# Nearly every address is as plain as this, and the library takes 60 µs to say so of one.
_PLAIN = re.compile(
    r"[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+(?P<top>[a-z]{2,24})", re.ASCII
)
_SPECIAL_TOPS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
_PLAIN_LENGTH = 64

# Words that are not simply a first or a last name: titles, suffixes, "van", "and".
_SPECIAL = frozenset(
    {
        *CONSTANTS.titles,
        *CONSTANTS.prefixes,
        *CONSTANTS.suffix_acronyms,
        *CONSTANTS.suffix_not_acronyms,
        *CONSTANTS.conjunctions,
    }
)


def email(text: str | None) -> str | None:
    """The address in lower case, its plus tag kept; None for what is no address.

    `Ann <ann@example.com>` and `mailto:` are understood. Nothing is looked up.
    """
    given = clean(text or "")[:LONGEST_EMAIL]
    if "<" in given:
        given = parseaddr(given)[1]
    plain = given.lower()
    found = _PLAIN.fullmatch(plain) if len(plain) <= _PLAIN_LENGTH else None
    if found and found["top"] not in _SPECIAL_TOPS:
        return plain
    try:
        # The reserved names (.test) are allowed: people try forms out with them.
        valid = validate_email(
            given.removeprefix("mailto:"), check_deliverability=False, test_environment=True
        )
    except EmailNotValidError:
        return None
    return valid.normalized.lower()


def phone(text: str | None, region: str = REGION) -> str | None:
    """The number as E.164, an extension after ` x`; what cannot be one stays as it was written."""
    given = clean(text or "")[:LONGEST_PHONE]
    if not given:
        return None
    try:
        number = phonenumbers.parse(given, region)
    except NumberParseException:
        return given
    if not phonenumbers.is_possible_number(number):
        return given
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return f"{written} x{number.extension}" if number.extension else written


def split_name(full: str) -> tuple[str | None, str | None]:
    """First and last name; a single word is a first name, titles and suffixes are dropped."""
    words = clean(full)[:LONGEST_NAME].split()
    # Nearly every name on a form is one or two plain words, and the parser takes 90 µs for it.
    if 0 < len(words) <= _FEW and all(_is_plain(word) for word in words):
        return (words[0], words[1] if len(words) == _FEW else None)
    parsed = HumanName(" ".join(words))
    return (parsed.first or None, parsed.last or None)


def _is_plain(word: str) -> bool:
    return word.isalpha() and len(word) > 1 and word.lower() not in _SPECIAL


def person(found: Mapping[str, str | None], region: str = REGION) -> dict[str, object]:
    """The facts email, name, first_name, last_name, phone and company from what was found of
    them: each tidied, and a whole name and its two halves filled in from one another."""
    first, last = _text(found, "first_name"), _text(found, "last_name")
    name = _text(found, "name")
    if name and not (first or last):
        first, last = split_name(name)
    if not name:
        name = " ".join(part for part in (first, last) if part) or None
    return {
        "email": email(found.get("email")),
        "name": name,
        "first_name": first,
        "last_name": last,
        "phone": phone(found.get("phone"), region),
        "company": _text(found, "company"),
    }


def _text(found: Mapping[str, str | None], fact: str) -> str | None:
    return clean(found.get(fact) or "")[:LONGEST_NAME] or None
