"""The processes of one Relay: their command lines, how to see that they are ready, how to stop."""

import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from relay.settings import Settings
from relay.supervisor import broker

CHILDREN = 2


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process to keep running.

    stop_rank     the lower, the earlier it is asked to end
    stop_seconds  how long it may take to end when asked
    hears         signals that it is told of
    """

    name: str
    command: list[str]
    is_ready: Callable[[], bool] = _always
    stop_rank: int = 0
    stop_seconds: float = 10.0
    hears: frozenset[signal.Signals] = frozenset()


def web_command(settings: Settings, *, workers: int = 1) -> list[str]:
    command = serving("asginl", "relay.asgi:app", settings.bind, settings.port)
    return [*command, "--workers", str(workers)]


def serving(interface: str, app: str, bind: str, port: int) -> list[str]:
    """The web server with an application."""
    return [
        *(sys.executable, "-m", "granian", "--interface", interface, app),
        *("--host", bind, "--port", str(port)),
        # A dead worker ends the server, and whoever supervises it starts a whole one.
        *("--no-respawn-failed-workers", "--workers-kill-timeout", "10"),
        *("--http", "1", "--no-ws", "--no-access-log", "--log-level", "warning"),
    ]


def worker_command(*, concurrency: int = CHILDREN) -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "--app", "workers.app", "--quiet", "worker"),
        *("--pool", "prefork", "--concurrency", str(concurrency), "--loglevel", "WARNING"),
        # Workers need not know of each other; the chatter costs and has stalled consumers.
        *("--without-gossip", "--without-mingle"),
    ]


def beat_command(settings: Settings) -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "--app", "workers.app", "--quiet", "beat"),
        *("--schedule", str(settings.home / "run" / "beat-schedule"), "--pidfile", ""),
        *("--loglevel", "WARNING"),
    ]


def broker_program(settings: Settings) -> Program:
    data = settings.home / "broker"
    broker.prepare(settings.socket, data)
    return Program(
        name="broker",
        command=broker.command(settings.socket, data),
        is_ready=lambda: broker.answers(settings.socket),
        stop_rank=3,
    )


def processes(settings: Settings) -> list[Program]:
    """Web, worker and beat, in the order of their start."""
    return [
        Program(
            name="web",
            command=web_command(settings),
            is_ready=lambda: answers(settings, "/readyz"),
            stop_seconds=15.0,
        ),
        Program(name="worker", command=worker_command(), stop_rank=2, stop_seconds=35.0),
        Program(
            name="beat",
            command=beat_command(settings),
            stop_rank=1,
            stop_seconds=5.0,
            hears=frozenset({signal.SIGHUP}),  # reads the rules again
        ),
    ]


def answers(settings: Settings, path: str) -> bool:
    """Whether our web server says 200 there."""
    bind = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)  # noqa: S104 - asked, not bound
    connection = HTTPConnection(bind, settings.port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200  # noqa: PLR2004
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
