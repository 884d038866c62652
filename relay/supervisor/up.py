"""`relay up`: broker, migrations, the first organization, web, worker, beat; then watch."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from relay import bootstrap
from relay.core.errors import InvalidInput
from relay.settings import Settings
from relay.supervisor import welcome
from relay.supervisor.home import Home, check_port
from relay.supervisor.programs import broker_program, processes
from relay.supervisor.tree import Stopped, Tree
from relay.supervisor.welcome import Welcome

BROKER_SECONDS = 30.0  # a long queue takes a while to load
WEB_SECONDS = 60.0


def up(settings: Settings, env: Mapping[str, str], *, greet: Callable[[Welcome], None]) -> None:
    """Runs until a person asks for the end. Raises RelayError with one clear sentence when
    something is in the way of starting; what had started is stopped then."""
    with Home(settings.home) as home:
        home.end_leftovers()
        check_port(settings.bind, settings.port)
        home.trim_logs()
        with Tree(home, _environment(env, settings), say=_tell) as tree:
            try:
                greet(_start(settings, tree))
            except Stopped:
                return
            tree.run()
            _tell("stopping")


def _start(settings: Settings, tree: Tree) -> Welcome:
    if settings.redis_url is None:
        broker = broker_program(settings)
        tree.start(broker)
        tree.wait_ready(broker, seconds=BROKER_SECONDS)
    document = _prepare(settings)
    # One after another: on two cores the web server would wait for the others' imports.
    for program in processes(settings):
        tree.start(program)
        tree.wait_ready(program, seconds=WEB_SECONDS)
    return document


def _prepare(settings: Settings) -> Welcome:
    try:
        bootstrap.upgrade(settings)
        return _welcome(settings)
    except OperationalError as error:
        store = make_url(settings.database_url).render_as_string(hide_password=True)
        reason = " ".join(str(error.orig).split())
        raise InvalidInput(
            f"The database {store} cannot be used: {reason}. See RELAY_DATABASE_URL"
        ) from error


def _welcome(settings: Settings) -> Welcome:
    document = bootstrap.welcome(settings)
    if document is None:
        document = welcome.kept(settings.home) if settings.embedded else None
    if document is None:
        return {"url": settings.base_url}
    document = welcome.moved(document, settings.base_url)
    if settings.embedded:
        welcome.keep(settings.home, document)
    return document


def _environment(env: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """What every process sees: the same home and port, from wherever it is started."""
    return {**env, "RELAY_HOME": str(settings.home), "PORT": str(settings.port)}


def _tell(line: str) -> None:
    print(f"relay: {line}", file=sys.stderr, flush=True)  # noqa: T201 - the terminal is its reader


def command() -> str:
    """How a person calls this program again, from where they are."""
    script = Path(sys.executable).with_name("relay")
    if not script.exists():
        return f"{sys.executable} -m relay"
    here = Path.cwd()
    return str(script.relative_to(here) if script.is_relative_to(here) else script)
