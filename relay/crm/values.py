"""Field values: from what was sent to what is stored, and from there to rules and people.

What the API takes is in https://api.salesforceiq.com/ ("Fields") and in the vendor's Integrations
FAQ: dates as YYYY-MM-DD or milliseconds, options by id or text, users by id or address. Mappings
take a little more: RFC 3339, seconds in ten digits, values that have a type already.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from relay.core.errors import InvalidInput
from relay.core.exact_json import dumps
from relay.core.facts import clean
from relay.crm.model import Field, FieldType, Option, Stored, User
from relay.crm.moments import instant, to_day, to_instant

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")
_RECORD = re.compile(r"([0-9a-f]{24})(?:@.*)?", re.S)
_MOST_DIGITS = 60


@dataclass(frozen=True, kw_only=True)
class People:
    """Who may own things: the users of an organization, by id and by address."""

    by_id: Mapping[str, User] = field(default_factory=dict)
    by_email: Mapping[str, User] = field(default_factory=dict)

    @staticmethod
    def of(users: Sequence[User]) -> "People":
        return People(
            by_id={user.id: user for user in users},
            by_email={user.email.lower(): user for user in reversed(users)},
        )


# Asked for only where a user is met, for it costs a statement.
Lookup = Callable[[], People]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What conversion may look things up in. `mapped`: the value comes through a mapping or a
    rule, where labels are meant before ids and more forms of dates are known."""

    people: Lookup
    contacts: Mapping[str, str] = field(default_factory=dict)  # address in lower case → contact id
    mapped: bool = False


def stored(one: Field, given: object, sent: Sent) -> Stored | None:
    """What is kept for a value; None clears. Raises InvalidInput in the CRM's words."""
    if isinstance(given, (list, tuple)):
        values = [value for value in given if not _is_empty(value)]
    else:
        values = [] if _is_empty(given) else [given]
    if not values:
        return None
    if not one.is_multi:
        if len(values) > 1:
            raise mismatch(one.type, given)
        return _convert(one, values[0], sent)
    # The order sent is kept; a value that comes twice is one.
    return list(dict.fromkeys(_convert(one, value, sent) for value in values))


def from_wire(one: Field, given: object, sent: Sent) -> Stored | None:
    """What is kept for `[{"raw": …}, …]`; null, an empty array and an empty raw clear.

    A bare value in place of the array is taken for its only element.
    """
    return stored(one, raws_of(given), sent)


def raws_of(given: object) -> list[object]:
    """What stands in `raw` of each entry."""
    entries = given if isinstance(given, list) else [given]
    return [e["raw"] if isinstance(e, Mapping) and "raw" in e else e for e in entries]


def to_wire(value: Stored) -> list[dict[str, str]]:
    """`fieldValues` of one field, as the API answers it: texts in `raw`."""
    return [{"raw": one} for one in value] if isinstance(value, list) else [{"raw": value}]


def same(one: Field, left: Stored | None, right: Stored | None) -> bool:
    """Whether two stored values say the same: 5 and 5.00 do."""
    if left == right:
        return True
    if one.type is FieldType.NUMERIC and isinstance(left, str) and isinstance(right, str):
        return Decimal(left) == Decimal(right)
    return False


def bound(one: Field, value: Stored | None, people: Lookup) -> object:
    """The value as rules read it: a user as {id, name, email}, an empty multi-select as []."""
    return _read(one, value, lambda text: _bind(one, text, people))


def display(one: Field, value: Stored | None, people: Lookup) -> object:
    """The value as people and `from:`/`to:` name it: a user by name."""
    return _read(one, value, lambda text: _show(one, text, people))


def mismatch(type_: str, value: object) -> InvalidInput:
    """The refusal in the words of the CRM's own service."""
    return InvalidInput(f"Attempting to set {type_} field value with {_word(value)} {_text(value)}")


def _read(one: Field, value: Stored | None, read: Callable[[str], object]) -> object:
    if one.is_multi:
        texts = value if isinstance(value, list) else [value] if value else []
        return [read(text) for text in texts]
    if value is None:
        return None
    return read(value[0] if isinstance(value, list) else value)


def _bind(one: Field, text: str, people: Lookup) -> object:
    match one.type:
        case FieldType.LIST:
            option = one.by_id.get(text)
            return option.display if option else text
        case FieldType.NUMERIC:
            return Decimal(text)
        case FieldType.DATE:
            return date.fromisoformat(text)
        case FieldType.DATETIME:
            return instant(int(text))
        case FieldType.USER:
            return user_record(people().by_id.get(text), text)
        case _:
            return text


def _show(one: Field, text: str, people: Lookup) -> object:
    if one.type is FieldType.USER:
        user = people().by_id.get(text)
        return user.name if user else text
    return _bind(one, text, people)


def user_record(user: User | None, id: str) -> dict[str, object]:
    """A user as rules read one; of a person who has left only the id is known."""
    if user is None:
        return {"id": id, "name": None, "email": None}
    return {"id": user.id, "name": user.name, "email": user.email}


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _convert(one: Field, value: object, sent: Sent) -> str:
    try:
        return _CONVERT.get(one.type, _any_text)(one, value, sent)
    except (ValueError, OverflowError) as error:
        raise mismatch(one.type, value) from error


def _any_text(one: Field, value: object, sent: Sent) -> str:
    del one, sent
    match value:
        case str():
            return clean(value)
        case bool():
            return "true" if value else "false"
        case int() | Decimal() | float():
            return _plain(value)
        case date():
            return value.isoformat()
        case _:
            raise ValueError(value)


def _number(one: Field, value: object, sent: Sent) -> str:
    del one, sent
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise ValueError(value)
    return _plain(value)


def _plain(value: str | float | Decimal) -> str:
    """The digits without an exponent; trailing zeros stay, for 0.10 is not 0.1 on a bill."""
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    number = Decimal(text)
    if len(text) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError(text)
    return format(abs(number) if number.is_zero() else number, "f")


def _option(one: Field, value: object, sent: Sent) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError(value)
    text = str(value).strip()
    by_id, by_label = one.by_id.get(text), _labelled(one, text)
    option = (by_label or by_id) if sent.mapped else (by_id or by_label)
    if option is None:
        raise ValueError(value)
    return option.id


def _labelled(one: Field, text: str) -> Option | None:
    exact = next((option for option in one.options if option.display == text), None)
    return exact or one.by_label.get(text.lower())


def _date(one: Field, value: object, sent: Sent) -> str:
    del one
    return to_day(value, mapped=sent.mapped)


def _datetime(one: Field, value: object, sent: Sent) -> str:
    del one
    return str(to_instant(value, mapped=sent.mapped))


def _user(one: Field, value: object, sent: Sent) -> str:
    del one
    if isinstance(value, Mapping):
        # A rule hands on `item.owner` whole.
        value = value.get("id")
    if not isinstance(value, str):
        raise ValueError(value)
    text = value.strip()
    people = sent.people()
    user = people.by_id.get(text) or people.by_email.get(text.lower())
    if user is None:
        raise ValueError(value)
    return user.id


def _contact(one: Field, value: object, sent: Sent) -> str:
    """A contact's id, `<id>@<name>`, or an address. Other text was kept as it came by the service
    itself (seen in recordings of account fields)."""
    text = _any_text(one, value, sent)
    record = _RECORD.fullmatch(text)
    return record[1] if record else sent.contacts.get(text.lower(), text)


_CONVERT: Mapping[FieldType, Callable[[Field, object, Sent], str]] = {
    FieldType.NUMERIC: _number,
    FieldType.LIST: _option,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.USER: _user,
    FieldType.CONTACT: _contact,
}


def _word(value: object) -> str:
    match value:
        case None:
            return "Null"
        case bool():
            return "Boolean"
        case int() | float() | Decimal():
            return "Number"
        case Mapping():
            return "Object"
        case list() | tuple():
            return "Array"
        case _:
            return "String"


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case date():
            return value.isoformat()
        case _:
            try:
                return dumps(value)
            except (TypeError, ValueError):
                return str(value)
