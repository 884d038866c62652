"""Where a command does its work: in the store of the settings, or at a remote Relay."""

import asyncio
import os
import pwd
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import orjson
from sqlalchemy.exc import DBAPIError

from relay import bootstrap
from relay.cli.invocation import Invocation
from relay.core.clock import SystemClock
from relay.core.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    RelayError,
    Unavailable,
)
from relay.core.targets import INTERNAL
from relay.http import Client, Http
from relay.http.exchange import Response
from relay.queue import Silent
from relay.runtime import Runtime
from relay.settings import Settings
from relay.storage import identity
from relay.storage.database import Database
from relay.storage.identity import Organization

Document = dict[str, Any]

_SECONDS = 30.0
_NO_TABLES = ("no such table", "does not exist", "no such column")
_KINDS: Mapping[int, type[RelayError]] = {401: NotAllowed, 403: NotAllowed, 404: NotFound,
                                          409: Conflict, 422: InvalidInput}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The store at hand, the organization meant, and who is at the keyboard."""

    runtime: Runtime
    org: Organization
    by: str


@contextmanager
def office(invocation: Invocation, *, wakes: bool = False) -> Iterator[Office]:
    """Opens the store of the settings. `wakes`: workers are told of what the command leaves to do.

    Raises InvalidInput where the command was meant for a remote Relay.
    """
    with store(invocation, wakes=wakes) as runtime:
        with runtime.db.read() as conn:
            org = identity.organization_named(conn, invocation.settings.org)
        yield Office(runtime=runtime, org=org, by=who())


@contextmanager
def store(invocation: Invocation, *, wakes: bool = False) -> Iterator[Runtime]:
    """The same without an organization."""
    if invocation.url is not None:
        raise InvalidInput("this works on the store of this machine's settings, not with --url")
    settings = invocation.settings
    _check_there(settings)
    runtime = bootstrap.build(settings, role="cli", queue=None if wakes else Silent())
    try:
        yield runtime
    except DBAPIError as error:
        raise _unusable(error) from error
    finally:
        runtime.queue.close()
        runtime.db.close()


def who() -> str:
    """Whom the audit log names for what is done here."""
    try:
        return f"{pwd.getpwuid(os.getuid()).pw_name} at the command line"
    except KeyError:
        return f"user {os.getuid()} at the command line"


def ask(
    invocation: Invocation,
    path: str,
    query: Mapping[str, object],
    here: Callable[[Office], Document],
) -> Document:
    """A document of `/api/v1`: asked for at the remote Relay where one is named, else made here."""
    if invocation.url is None:
        with office(invocation) as found:
            return here(found)
    return ask_afar(invocation, path, query)


def ask_afar(invocation: Invocation, path: str, query: Mapping[str, object]) -> Document:
    """A document of the remote Relay's `/api/v1`."""
    asked = {name: str(value) for name, value in query.items() if value is not None}
    address = address_of(invocation, path)
    whole = f"{address}?{urlencode(asked)}" if asked else address
    return asyncio.run(_call("GET", whole, invocation.key))


def address_of(invocation: Invocation, path: str) -> str:
    """Where the remote Relay's `/api/v1` has it."""
    return f"{str(invocation.url).rstrip('/')}/api/v1/{path}"


def tell(
    invocation: Invocation,
    path: str,
    body: Mapping[str, object],
    here: Callable[[Office], Document],
) -> Document:
    """The same for what changes something: sent as a POST, or done here with workers woken."""
    if invocation.url is None:
        with office(invocation, wakes=True) as found:
            return here(found)
    return asyncio.run(_call("POST", address_of(invocation, path), invocation.key, dict(body)))


async def _call(
    method: str, url: str, key: str | None, body: Mapping[str, object] | None = None
) -> Document:
    auth = credentials(key)
    client = Client(clock=SystemClock())
    try:
        # The person typed the address: it may well be on their own machine.
        http = Http(client, INTERNAL)
        answer = await http.request(method, url, auth=auth, json=body, timeout=_SECONDS)
    finally:
        await client.aclose()
    return _document(answer, url)


def credentials(key: str | None) -> tuple[str, str]:
    """A key and its secret. Raises InvalidInput for less."""
    name, _, secret = (key or "").partition(":")
    if not name or not secret:
        raise InvalidInput("a remote Relay needs --key KEY:SECRET, or RELAY_KEY")
    return name, secret


def _document(answer: Response, url: str) -> Document:
    document = _read(answer.content)
    if answer.is_success and document:
        return document
    raise refused(answer.status, answer.content, url)


def refused(status: int, content: bytes, url: str) -> RelayError:
    """Why a remote Relay does not do it, in its words."""
    error = _read(content).get("error")
    said = error.get("message") if isinstance(error, dict) else None
    kind = _KINDS.get(status, Unavailable)
    return kind(str(said or f"{url} answered {status}"))


def _read(content: bytes) -> Document:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _check_there(settings: Settings) -> None:
    """SQLite would make an empty file where there is none."""
    found = Database(settings.database_url, pool=1)
    file = found.url.database
    found.close()
    if found.dialect == "sqlite" and not Path(file or "").exists():
        raise NotFound(f"there is no Relay in {settings.home} yet: start one with relay up")


def _unusable(error: DBAPIError) -> RelayError:
    said = " ".join(str(error.orig).split())
    if any(each in said for each in _NO_TABLES):
        return Unavailable(
            f"the store has other tables than this version: relay db upgrade ({said})"
        )
    return Unavailable(f"the store cannot be used: {said}")


def secret_from(given: str | None) -> str | None:
    """A secret as a person gives it: `-` reads a line from standard input, so that it stands in no
    list of processes."""
    return sys.stdin.readline().rstrip("\n") if given == "-" else given


def pairs(given: tuple[str, ...], what: str) -> dict[str, str]:
    """`("a=b", …)` as a mapping. Raises a usage error."""
    split = [text.partition("=") for text in given]
    bad = [name for name, sign, _ in split if not sign]
    if bad:
        raise click.UsageError(f"{what} is NAME=VALUE, not {bad[0]!r}")
    return {name: value for name, _, value in split}


def value(text: str) -> object:
    """JSON where it is some (`["https://a.example"]`), else the text itself."""
    try:
        found: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return found if isinstance(found, (list, dict, bool)) else text
