"""A source's options, which come from a page, a command line or an API: as text, as lists."""

from collections.abc import Mapping, Sequence


def text(options: Mapping[str, object], name: str, default: str = "") -> str:
    """The option as text, without spaces around."""
    value = options.get(name)
    return default if value is None or value == "" else str(value).strip()


def header(options: Mapping[str, object], name: str) -> str:
    """The option as a header's name, in lower case."""
    return text(options, name).lower()


def texts(options: Mapping[str, object], name: str) -> Sequence[str]:
    """The option as a list; text is divided at commas and line ends."""
    value = options.get(name)
    if isinstance(value, (list, tuple)):
        return [str(item).strip() for item in value if str(item).strip()]
    return [part.strip() for part in str(value or "").replace("\n", ",").split(",") if part.strip()]


def yes(options: Mapping[str, object], name: str, *, default: bool) -> bool:
    """The option as yes or no."""
    value = options.get(name)
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return default
    return str(value).strip().lower() in ("1", "true", "yes", "on")


def whole(options: Mapping[str, object], name: str, default: int) -> int:
    """The option as a whole number of one or more; the default for anything else."""
    digits = text(options, name)
    return int(digits) if digits.isascii() and digits.isdigit() and int(digits) else default
