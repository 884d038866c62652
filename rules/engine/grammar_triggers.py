"""The grammar of `when`: plain values → triggers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from rules.engine.durations import parse_duration
from rules.engine.model import Trigger
from rules.engine.reading import Data, Reading, join, kind_of
from rules.engine.schedule import is_cron, is_timezone

TRIGGER_KEYS: Mapping[str, tuple[str, ...]] = {
    "changed": ("changed", "list", "from", "to", "not_from", "not_to", "for"),
    "created": ("created", "list"),
    "received": ("received", "source"),
    "scheduled": ("scheduled", "timezone", "list"),
}
_EVENT = re.compile(r"(?:[A-Za-z0-9_-]+\.)*(?:[A-Za-z0-9_-]+|\*)\Z")


def read_triggers(reading: Reading, data: Data) -> tuple[Trigger, ...]:
    if not reading.need(data, "when", "", "a rule"):
        return ()
    value = data["when"]
    if isinstance(value, list):
        if not value:
            reading.say("R101", "when", "'when' names no trigger")
        given = [(f"when[{index}]", inner) for index, inner in enumerate(value)]
    else:
        given = [("when", value)]
    found = (_trigger(reading, inner, place) for place, inner in given)
    return tuple(trigger for trigger in found if trigger is not None)


def _trigger(reading: Reading, value: object, place: str) -> Trigger | None:
    if not isinstance(value, Mapping):
        reading.say("R101", place, f"a trigger is a map, not {kind_of(value)}")
        return None
    kinds = [kind for kind in TRIGGER_KEYS if kind in value]
    if len(kinds) != 1:
        said = "one of" if not kinds else "only one of"
        reading.say("R101", place, f"a trigger has {said} {', '.join(TRIGGER_KEYS)}")
        return None
    kind = kinds[0]
    reading.keys(value, TRIGGER_KEYS[kind], place, f"a '{kind}' trigger")
    return _TRIGGERS[kind](reading, value, place)


def _changed(reading: Reading, data: Data, place: str) -> Trigger | None:
    reading.need(data, "list", place, "a 'changed' trigger")
    subject = reading.text(data, "changed", place)
    if not subject:
        return None
    for_ = reading.duration(data, "for", place)
    if for_ is not None and _values(data, "to") is None:
        reading.say("R102", place, "'for' needs 'to': the value that is held")
    return Trigger(
        kind="changed",
        subject=subject,
        list=reading.text(data, "list", place),
        from_values=_values(data, "from"),
        to_values=_values(data, "to"),
        not_from=_values(data, "not_from") or (),
        not_to=_values(data, "not_to") or (),
        held_for=for_,
    )


def _created(reading: Reading, data: Data, place: str) -> Trigger | None:
    subject = reading.text(data, "created", place)
    if subject not in ("item", "contact", "account"):
        reading.say(
            "R103", join(place, "created"), "what is created is an item, a contact or an account"
        )
        return None
    return Trigger(kind="created", subject=subject, list=reading.text(data, "list", place))


def _received(reading: Reading, data: Data, place: str) -> Trigger | None:
    reading.need(data, "source", place, "a 'received' trigger")
    subject = reading.text(data, "received", place)
    if not subject:
        return None
    if not _EVENT.match(subject):
        reading.say(
            "R111",
            join(place, "received"),
            f"'{subject}' is no event type",
            "a type such as invoice.paid, or invoice.* for all that begin so",
        )
    return Trigger(kind="received", subject=subject, source=reading.text(data, "source", place))


def _scheduled(reading: Reading, data: Data, place: str) -> Trigger | None:
    subject = reading.text(data, "scheduled", place)
    if not subject:
        return None
    every = parse_duration(subject)
    if every is None and not is_cron(subject):
        reading.say(
            "R105",
            join(place, "scheduled"),
            f"'{subject}' is no schedule",
            "five cron fields such as 0 8 * * MON, or a length of time such as 2h",
        )
    timezone = reading.text(data, "timezone", place)
    if timezone and not is_timezone(timezone):
        reading.say("R106", join(place, "timezone"), f"there is no time zone '{timezone}'")
    return Trigger(
        kind="scheduled",
        subject=subject,
        list=reading.text(data, "list", place),
        timezone=timezone,
        every=every,
    )


_TRIGGERS: Mapping[str, Callable[[Reading, Data, str], Trigger | None]] = {
    "changed": _changed,
    "created": _created,
    "received": _received,
    "scheduled": _scheduled,
}


def _values(data: Data, key: str) -> tuple[object, ...] | None:
    if key not in data:
        return None
    value = data[key]
    return tuple(value) if isinstance(value, list) else (value,)
