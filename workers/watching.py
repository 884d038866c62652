"""Beat keeps an eye on RELAY_RULES_DIR, for there is one of it: a change there is live within two
seconds, and SIGHUP applies the folder as it is."""

import os
import signal
import threading
from types import FrameType

from celery.signals import beat_init

from relay import bootstrap
from relay import log as logging
from relay.pipeline.watch import Watch
from relay.settings import Settings

SECONDS = 0.5
log = logging.get()


@beat_init.connect
def start(**_: object) -> None:
    """A thread of its own: the schedule must not wait for a lint."""
    asked = threading.Event()

    def hear(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    signal.signal(signal.SIGHUP, hear)
    threading.Thread(target=_watch, args=(asked,), name="rules", daemon=True).start()


def _watch(asked: threading.Event) -> None:
    runtime = bootstrap.build(Settings.from_env(os.environ), role="beat")
    watch: Watch | None = None
    while True:
        try:
            if watch is None:
                watch = Watch(runtime)
                watch.begin()
            if asked.wait(SECONDS):
                asked.clear()
                watch.apply()
            else:
                watch.look()
        except Exception:  # the outermost loop: the store may be away for a while
            log.exception("rules_not_watched")
            asked.wait(SECONDS * 10)
