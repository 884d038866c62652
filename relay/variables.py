"""The variables Relay reads, and what each of them takes.

A parser returns the value or raises ValueError with the words "it must be …" or alike, which
`read` completes with the variable's name and what was given.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from relay.core.errors import InvalidInput
from relay.core.targets import Network, networks

VARIABLES = (
    "PORT",
    "RELAY_BASE_URL",
    "RELAY_BIND",
    "RELAY_DATABASE_URL",
    "RELAY_DISABLE_HOOKS_AFTER",
    "RELAY_EGRESS_ALLOW",
    "RELAY_EGRESS_HTTP",
    "RELAY_EGRESS_PROXY",
    "RELAY_HOME",
    "RELAY_LOG_LEVEL",
    "RELAY_METRICS_TOKEN",
    "RELAY_ORG",
    "RELAY_REDIS_URL",
    "RELAY_RETENTION_ATTEMPTS",
    "RELAY_RETENTION_PAYLOADS",
    "RELAY_RULES_DIR",
    "RELAY_SECRET_KEYS",
    "RELAY_SMTP_URL",
    "RELAY_TRUSTED_PROXIES",
)
SECRET = frozenset(
    {
        "RELAY_DATABASE_URL",
        "RELAY_EGRESS_PROXY",
        "RELAY_METRICS_TOKEN",
        "RELAY_REDIS_URL",
        "RELAY_SECRET_KEYS",
        "RELAY_SMTP_URL",
    }
)
_OF_TOOLS = ("RELAY_TEST_", "RELAY_BENCH_", "RELAY_CHAOS_", "RELAY_DEMO_")
_OF_COMMANDS = ("RELAY_URL", "RELAY_KEY")  # the command line's own options

HIGHEST_PORT = 65535
LEVELS = ("debug", "info", "warning", "error")

Value = TypeVar("Value")
Default = TypeVar("Default")


def read(
    env: Mapping[str, str], name: str, parse: Callable[[str], Value], default: Default
) -> Value | Default:
    """The variable's value; the default where it is absent or empty. Raises InvalidInput."""
    if name not in VARIABLES:
        raise LookupError(name)
    given = env.get(name, "").strip()
    if not given:
        return default
    try:
        return parse(given)
    except (ValueError, InvalidInput) as error:
        shown = "wrong (its value is not shown)" if name in SECRET else repr(given)
        raise InvalidInput(f"{name} is {shown}; {error}") from error


def strangers(env: Mapping[str, str]) -> list[str]:
    """A sentence for each RELAY_ variable that nobody reads: mostly a slip of the pen."""
    known = (*VARIABLES, *_OF_COMMANDS)
    return [
        f"{name} is not a setting of Relay" + _suggestion(name)
        for name in sorted(env)
        if name.startswith("RELAY_") and name not in known and not name.startswith(_OF_TOOLS)
    ]


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def text(given: str) -> str:
    return given


def folder(given: str) -> Path:
    return Path(given).expanduser()


def port(given: str) -> int:
    number = int(given) if given.isascii() and given.isdigit() else 0
    if not 0 < number <= HIGHEST_PORT:
        raise ValueError(f"it must be a port number from 1 to {HIGHEST_PORT}")
    return number


def address(given: str) -> str:
    try:
        return str(ip_address(given))
    except ValueError as error:
        raise ValueError("it must be an IP address such as 127.0.0.1 or 0.0.0.0") from error


def cidrs(given: str) -> tuple[Network, ...]:
    return networks(given.replace(",", " ").split())


def yes_or_no(given: str) -> bool:
    answers = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if given.lower() not in answers:
        raise ValueError("it must be yes or no")
    return answers[given.lower()]


def days(given: str) -> timedelta:
    number = int(given) if re.fullmatch(r"[0-9]{1,5}", given) else 0
    if number < 1:
        raise ValueError("it must be a number of days, 1 or more")
    return timedelta(days=number)


def log_level(given: str) -> str:
    if given.lower() not in LEVELS:
        raise ValueError(f"it must be one of {', '.join(LEVELS)}")
    return given.lower()


def database_url(given: str) -> str:
    if re.fullmatch(r"sqlite:///.+", given):
        return given
    if not _has_scheme(given, ("postgresql", "postgres", "postgresql+psycopg")):
        raise ValueError(
            "it must look like postgresql://user:password@host/database or sqlite:////path/to/file"
        )
    return given


def redis_url(given: str) -> str:
    if not _has_scheme(given, ("redis", "rediss", "unix", "redis+socket")):
        raise ValueError("it must look like redis://host:6379/0 or unix:///path/to/socket")
    return given


def web_url(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("it must be a web address such as https://relay.example.com")
    return given.rstrip("/")


def smtp_url(given: str) -> str:
    if not _has_scheme(given, ("smtp", "smtps")) or not urlsplit(given).hostname:
        raise ValueError("it must look like smtp://user:password@host:587 or smtps://host:465")
    return given


def _has_scheme(given: str, schemes: tuple[str, ...]) -> bool:
    scheme, found, rest = given.partition("://")
    return bool(found and rest) and scheme in schemes
