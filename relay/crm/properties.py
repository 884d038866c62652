"""A contact's properties: entries cleaned, merged, and numbers in one form.

Keys, metadata and merging as on https://api.salesforceiq.com/ ("Contacts") and in recorded traffic.
"""

import re
from collections.abc import Mapping, Sequence

import phonenumbers
from phonenumbers import PhoneNumberFormat

from relay.core.errors import InvalidInput
from relay.core.facts import clean
from relay.crm.limits import (
    LONGEST_ADDRESS,
    LONGEST_NAME,
    LONGEST_NUMBER,
    LONGEST_TEXT,
    check_text,
    refused,
)
from relay.crm.model import FieldType
from relay.crm.values import mismatch
from relay.people import REGION

Entry = Mapping[str, object]
Properties = Mapping[str, Sequence[Entry]]

_SHAPE = "must be an array of objects with a value"
_LONGEST = {"email": LONGEST_ADDRESS, "phone": LONGEST_NUMBER, "name": LONGEST_NAME}
_LINKEDIN = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/", re.I)


def read(sent: object) -> dict[str, list[dict[str, object]]]:
    """The properties of a request, cleaned. Raises InvalidInput."""
    if not isinstance(sent, Mapping):
        raise InvalidInput("properties must be an object")
    read_: dict[str, list[dict[str, object]]] = {}
    for key, entries in sent.items():
        if not isinstance(entries, list):
            raise refused(f"properties.{key}", _SHAPE)
        read_[str(key)] = [_entry(f"properties.{key}", str(key), entry) for entry in entries]
    return read_


def _entry(place: str, key: str, sent: object) -> dict[str, object]:
    if not isinstance(sent, Mapping) or isinstance(sent.get("value"), (Mapping, list)):
        raise refused(place, _SHAPE)
    value = sent.get("value")
    if value is None:
        raise refused(place, "has an entry without a value")
    metadata = sent.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise refused(f"{place}.metadata", "must be an object")
    told: dict[str, str] = {}
    for name, one in metadata.items():
        if isinstance(one, (Mapping, list)):
            raise refused(f"{place}.metadata.{name}", "must be text")
        if one is not None:
            told[str(name)] = _text(one)
    text = _text(value)
    if key == "liurl" and text and not _LINKEDIN.match(text):
        raise mismatch(FieldType.LINKEDIN, text)
    return entry(key, text, told)


def entry(key: str, value: str, metadata: Mapping[str, str] | None = None) -> dict[str, object]:
    """One entry as it is kept: a recognizable number in E.164, its written form in `raw_val`.
    Raises InvalidInput for one that is too long."""
    kept = dict(metadata or {})
    text = check(key, clean(value))
    if key == "phone":
        try:
            number = phonenumbers.parse(text, REGION)
        except phonenumbers.NumberParseException:
            return {"value": text, "metadata": kept}
        if phonenumbers.is_possible_number(number):
            text = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            kept["raw_val"] = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return {"value": text, "metadata": kept}


def check(key: str, value: str) -> str:
    """The value, where it is not too long for its key. Raises InvalidInput."""
    return check_text(f"properties.{key}", value, _LONGEST.get(key, LONGEST_TEXT))


def with_new(
    old: Properties, new: Mapping[str, Sequence[Entry]], *, union: Sequence[str] = ("email",)
) -> dict[str, list[Entry]]:
    """The properties with new ones laid over them: a key that is sent replaces that key's whole
    array, but for `union`, where nothing that is known is ever dropped."""
    whole: dict[str, list[Entry]] = {key: list(entries) for key, entries in old.items()}
    for key, entries in new.items():
        whole[key] = _union(whole.get(key, []), entries) if key in union else list(entries)
    return {key: entries for key, entries in whole.items() if entries}


def _union(old: Sequence[Entry], new: Sequence[Entry]) -> list[Entry]:
    whole: dict[str, Entry] = {}
    for one in (*old, *new):
        key = str(one["value"]).lower()
        known = whole.get(key)
        if known is None:
            whole[key] = one
        else:
            metadata = {**_metadata(known), **_metadata(one)}
            whole[key] = {"value": known["value"], "metadata": metadata}
    return list(whole.values())


def _metadata(one: Entry) -> Mapping[str, object]:
    metadata = one.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(str(value))
