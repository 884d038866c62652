"""`relay doctor`: looks at what Relay stands on, and says what is wrong and what would mend it."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import redis
from sqlalchemy.exc import SQLAlchemyError

from relay.cli.invocation import Invocation, table
from relay.core.errors import RelayError
from relay.settings import Settings
from relay.storage.database import Database
from relay.supervisor import broker, programs
from relay.supervisor.home import check_port
from relay.variables import strangers

OLDEST_PYTHON = (3, 11)
LEAST_DISK = 500_000_000
PATIENCE_SECONDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, whether it is well, and what was seen."""

    what: str
    ok: bool
    seen: str


@click.command()
@click.pass_obj
def doctor(invocation: Invocation) -> None:
    """Look for what keeps Relay from working here. Exit status 1 when something does."""
    findings = [python(), *_of_settings(invocation)]
    rows = [("ok" if each.ok else "WRONG", each.what, each.seen) for each in findings]
    document = {"ok": all(each.ok for each in findings), "checks": [asdict(f) for f in findings]}
    invocation.show(document, table(("", "what", "seen"), rows))
    if not document["ok"]:
        raise click.exceptions.Exit(1)


def _of_settings(invocation: Invocation) -> list[Finding]:
    unknown = [Finding(what="settings", ok=False, seen=each) for each in strangers(invocation.env)]
    try:
        settings = invocation.settings
    except RelayError as error:
        return [*unknown, Finding(what="settings", ok=False, seen=str(error))]
    looks = (disk, database, broker_of, port, rules_folder)
    return [*unknown, *(look(settings) for look in looks)]


def python() -> Finding:
    seen = ".".join(map(str, sys.version_info[:3]))
    return Finding(what="Python", ok=sys.version_info[:2] >= OLDEST_PYTHON, seen=seen)


def disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home if settings.home.exists() else "/").free
    seen = f"{free / 1e9:.1f} GB free for {settings.home}"
    return Finding(what="disk", ok=free >= LEAST_DISK, seen=seen)


def database(settings: Settings) -> Finding:
    store = Database(settings.database_url, pool=1)
    file = Path(store.url.database or "")

    def ask() -> str:
        if store.dialect == "sqlite" and not file.exists():
            return f"none yet; the first start makes {file}"
        store.ping()
        return store.url.render_as_string(hide_password=True)

    try:
        return _seen("database", ask)
    finally:
        store.close()


def broker_of(settings: Settings) -> Finding:
    embedded = settings.redis_url is None
    if embedded and not broker.answers(settings.socket):
        return _seen("broker", lambda: f"not running; relay up starts {broker.binary()}")

    def ask() -> str:
        client = redis.Redis.from_url(
            settings.client_url,
            socket_connect_timeout=PATIENCE_SECONDS,
            socket_timeout=PATIENCE_SECONDS,
        )
        with client:
            version = client.info("server").get("redis_version")
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
        if policy != "noeviction":
            raise RelayError(
                f"maxmemory-policy is {policy}: under memory pressure it would drop queues. "
                "Set it to noeviction"
            )
        return f"answers, version {version}"

    return _seen("broker", ask)


def port(settings: Settings) -> Finding:
    def ask() -> str:
        if programs.answers(settings, "/healthz"):
            return f"a Relay answers on {settings.bind}:{settings.port}"
        check_port(settings.bind, settings.port)
        return f"{settings.bind}:{settings.port} is free"

    return _seen("port", ask)


def rules_folder(settings: Settings) -> Finding:
    found = len(list(settings.rules_dir.glob("*.yaml")))
    ok = settings.rules_dir.is_dir()
    seen = f"{found} files in {settings.rules_dir}" if ok else f"no folder {settings.rules_dir}"
    return Finding(what="rules", ok=ok, seen=seen)


def _seen(what: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, ok=True, seen=ask())
    except (RelayError, SQLAlchemyError, redis.RedisError) as error:
        return Finding(
            what=what, ok=False, seen=" ".join(str(error).split("\n(Background")[0].split())
        )
