"""JSON whose numbers keep every digit: 200.10 stays 200.10 on its way in and on its way out."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import orjson

# Beyond this a plain notation would only be a long row of zeros.
_PLAIN_DIGITS = 40
_OURS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def loads(text: str | bytes) -> Any:
    """The value of a JSON text; numbers with a point are Decimals.

    Raises ValueError for anything else, for NaN and Infinity, and for nesting without end.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        return _EXACT.decode(text)
    except RecursionError as error:
        raise ValueError("the JSON text is nested too deeply") from error
    except InvalidOperation as error:
        raise ValueError("a number's exponent is beyond all bounds") from error


def dumps(value: object) -> str:
    """A compact JSON text. Decimals are written digit by digit, dates as ISO 8601.

    Raises ValueError for NaN and Infinity, TypeError for what JSON cannot say.
    """
    try:
        text = orjson.dumps(value, default=_fragment, option=_OURS)
    except orjson.JSONEncodeError:
        return _in_steps(value)
    # The fast writer has no word for NaN but null.
    return _in_steps(value) if b"null" in text else text.decode()


def _fragment(value: object) -> object:
    match value:
        case Decimal():
            return orjson.Fragment(_number(value))
        case Mapping():
            return dict(value)
        case date() | datetime():
            return value.isoformat()
        case _:
            raise TypeError


def _in_steps(value: object) -> str:
    """What the fast writer refuses as well: whole numbers beyond 64 bits, names that are none."""
    match value:
        case Decimal():
            return _number(value)
        case Mapping():
            pairs = (f"{json.dumps(str(key), ensure_ascii=False)}:{_in_steps(item)}"
                     for key, item in value.items())  # fmt: skip
            return "{" + ",".join(pairs) + "}"
        case list() | tuple():
            return "[" + ",".join(_in_steps(item) for item in value) + "]"
        case date() | datetime():
            return json.dumps(value.isoformat())
        case _:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"JSON has no number {value}")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) <= _PLAIN_DIGITS:
        return format(value, "f")
    return str(value)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"JSON has no number {name}")


# To make one for each text costs as much as reading a short one.
_EXACT = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse)
