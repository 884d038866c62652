"""One engine per worker child, made after the fork: threads and sockets do not survive one."""

import gc
import os
import threading

from celery.signals import (
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)
from sqlalchemy.exc import SQLAlchemyError

from relay import bootstrap
from relay import log as logging
from relay.core.errors import Unavailable
from relay.pipeline import dead_workers
from relay.pipeline.engine import Engine
from relay.pipeline.measuring import Keeper
from relay.settings import Settings
from relay.storage.database import Database

log = logging.get()
_engines: list[tuple[Engine, Keeper]] = []


@worker_init.connect
def share(**_: object) -> None:
    """Before the children are forked: pages that nobody looks through for circles stay shared."""
    gc.collect()
    gc.freeze()


@worker_process_init.connect
def start(**_: object) -> None:
    """Connections are opened and plans warmed before the first task, not in it."""
    runtime = bootstrap.build(Settings.from_env(os.environ), role="worker")
    runtime.db.ping()
    engine = Engine(runtime)
    _engines.append((engine, Keeper(runtime)))
    # Whoever was here before may have died with work in hand.
    engine.release()
    # What was loaded at the start stays: no use in looking for circles in it again and again.
    gc.freeze()


@worker_shutting_down.connect
def leave(**_: object) -> None:
    """In the parent, which heard the signal: children that are killed because they take too long
    did not die of their work. In a thread, for a handler may have come at any moment."""
    threading.Thread(target=_leave, name="leaving", daemon=True).start()


def _leave() -> None:
    db = Database(Settings.from_env(os.environ).database_url, pool=1)
    try:
        dead_workers.leave(db, os.getpid())
    except (SQLAlchemyError, Unavailable):  # the end is not to wait for a store that is away
        log.exception("leaving_not_noted")
    finally:
        db.close()


@worker_process_shutdown.connect
def stop(**_: object) -> None:
    """Lets what is in flight land."""
    while _engines:
        engine, keeper = _engines.pop()
        engine.close()
        keeper.close()
        engine.runtime.queue.close()
        engine.runtime.db.close()


def engine() -> Engine:
    """This child's."""
    if not _engines:
        start()
    return _engines[0][0]
