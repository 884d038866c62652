"""How long texts may be in the CRM, and which characters they may not have.

The service itself published no bounds but one (an event's body, later lifted). Ours keep a text
within what an index of PostgreSQL and a page can hold, and are all here.
"""

from collections.abc import Mapping

from relay.core.errors import InvalidInput
from relay.core.facts import clean, has_control

LONGEST_TEXT = 100_000
LONGEST_NAME = 500
LONGEST_ADDRESS = 320
LONGEST_NUMBER = 200
LONGEST_KEY = 100


def check_texts(sent: object, place: str = "") -> None:
    """Every text of a JSON value, as it was sent. Raises InvalidInput with the place of the first
    that is too long or has control characters (line breaks and tabs are none)."""
    match sent:
        case str():
            check_text(place or "the body", sent)
        case Mapping():
            for key, value in sent.items():
                name = clean(str(key))[:LONGEST_KEY]
                here = f"{place}.{name}" if place else name
                if has_control(str(key)):
                    raise refused(here, "has control characters in its name")
                if len(str(key)) > LONGEST_KEY:
                    raise refused(here, f"has a name longer than {LONGEST_KEY} characters")
                check_texts(value, here)
        case list():
            for number, value in enumerate(sent):
                check_texts(value, f"{place}[{number}]")
        case _:
            pass


def check_text(place: str, text: str, longest: int = LONGEST_TEXT) -> str:
    """The text. Raises InvalidInput."""
    if len(text) > longest:
        raise refused(place, f"is longer than {longest} characters")
    if has_control(text):
        raise refused(place, "has control characters")
    return text


def one_line(place: str, text: str, longest: int = LONGEST_NAME) -> str:
    """A name: short, and without line breaks and tabs as well. Raises InvalidInput."""
    if any(letter in text for letter in "\t\n\r"):
        raise refused(place, "has control characters")
    return check_text(place, text, longest)


def refused(place: str, what: str) -> InvalidInput:
    """The error about one field."""
    return InvalidInput(f"{place} {what}", {place: [what]})
