"""structlog set up: one line of JSON per event on standard error, secrets masked.

`log = relay.log.get()`, then `log.info("event_routed", event_id="evt_12", steps=2)`: a constant
name, values as fields, never personal data or payloads.
"""

import logging
import logging.config
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

MASK = "•••"
_SECRET_NAME = re.compile(
    r"(?i)(^|[_-])(secret|secrets|password|passwd|token|tokens|authorization|cookie|api_?key"
    r"|private_?key|credentials?|signature)($|[_-])"
)
# user:password@ in an address, and the token of an inbound URL
_SECRET_TEXT = (
    (re.compile(r"(\w+://[^/\s:@]*:)[^/\s@]+@"), rf"\1{MASK}@"),
    (re.compile(r"(/in/[a-z0-9_-]+/)[A-Za-z0-9_-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/_.=-]{8,}"), rf"\1 {MASK}"),
)

Event = MutableMapping[str, Any]
Log = structlog.typing.FilteringBoundLogger


def get(**bound: object) -> Log:
    """The log, with these values on each of its lines."""
    logger: Log = structlog.get_logger(**bound)
    return logger


def bind(**values: object) -> None:
    """Puts these values on every line of this thread or task until `clear`."""
    structlog.contextvars.bind_contextvars(**values)


def clear() -> None:
    structlog.contextvars.clear_contextvars()


def configure(level: str, *, process: str) -> None:
    """Sends our lines, and those of the libraries, to standard error as JSON. Call it once, at the
    start of a process; `process` is web, worker, beat or relay."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _of(process),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_json)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    foreign = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _rename_logger,
            structlog.processors.JSONRenderer(serializer=lambda *a, **k: _json(*a, **k).decode()),
        ],
        foreign_pre_chain=[*shared[:-2], structlog.stdlib.ExtraAdder(), *shared[-2:]],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(foreign)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries tell their progress at `info`; what they find odd is enough.
    root.setLevel(max(number, logging.WARNING))


def mask(_logger: object, _method: str, event: Event) -> Event:
    """Hides what is secret by its name, or recognisable as such inside a text."""
    for name, value in event.items():
        event[name] = MASK if _SECRET_NAME.search(name) and value else _masked(value)
    return event


def _masked(value: object) -> object:
    if isinstance(value, str):
        for pattern, shown in _SECRET_TEXT:
            value = pattern.sub(shown, value)
        return value
    if isinstance(value, dict):
        return dict(mask(None, "", {str(name): inner for name, inner in value.items()}))
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value


def _of(process: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: Event) -> Event:
        event["process"] = process
        return event

    return add


def _rename_logger(_logger: object, _method: str, event: Event) -> Event:
    event["message"] = event.pop("event")
    event["event"] = "library"
    return event


def _json(value: object, **_: object) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
