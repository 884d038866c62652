"""R201, R209, R310: the names in an expression against what is bound there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rules.engine.functions import NAMES
from rules.engine.lexer import ROOTS, Chain
from rules.engine.scope import Scope, event_names
from rules.engine.talk import Place, did_you_mean, suggestion

_CEL_FUNCTIONS = (
    "size",
    "has",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "timestamp",
    "duration",
    "dyn",
    "type",
    "matches",
)
_CEL_WORDS = frozenset({"true", "false", "null", "in", "null_type", "list", "map", *_CEL_FUNCTIONS})


def is_unknown(chain: Chain, scope: Scope, at: Place) -> bool:
    """Tells a name that is not there; true where it did."""
    before = len(at.talk.findings)
    root = chain.parts[0]
    if chain.called:
        if root not in (*NAMES, *_CEL_FUNCTIONS):
            known = (*NAMES, *_CEL_FUNCTIONS)
            at.say(
                "R209",
                chain.start,
                len(root),
                f"there is no function '{root}'",
                did_you_mean(root, known),
            )
    elif root not in ROOTS:
        if root not in _CEL_WORDS:
            at.say(
                "R201",
                chain.start,
                len(root),
                f"unknown name '{root}'",
                did_you_mean(root, ROOTS, "names"),
            )
    elif scope.known:
        _ROOT_CHECKS.get(root, _nothing)(chain, scope, at)
    return len(at.talk.findings) > before


def _nothing(chain: Chain, scope: Scope, at: Place) -> None:
    del chain, scope, at


def _record(chain: Chain, scope: Scope, at: Place) -> None:
    root, record = chain.parts[0], scope.records.get(chain.parts[0])
    if len(chain.parts) == 1:
        at.say("R201", chain.start, len(root), f"'{root}' is a record; name one of its fields")
    elif record is None:
        at.say(
            "R201", chain.start, len(chain.text), f"'{root}' is not bound by this rule's trigger"
        )
    elif chain.parts[1] not in record:
        name, where = chain.parts[1], _where(root, scope)
        meant = suggestion(name, record)
        help = f"did you mean '{meant}'? ({record[meant].type})" if meant else _fields(record)
        at.say("R201", chain.starts[1], len(name), f"unknown field '{name}' {where}", help)


def _fields(names: Iterable[str]) -> str:
    return f"fields: {', '.join(sorted(names))}"


def _where(root: str, scope: Scope) -> str:
    if root != "item":
        return f"of {root}s"
    titles = " and ".join(f"'{title}'" for title in scope.lists)
    return f"on list {titles}" if titles else "of items"


def _event(chain: Chain, scope: Scope, at: Place) -> None:
    parts = chain.parts
    if len(parts) > 1 and parts[1] not in event_names():
        at.say(
            "R201",
            chain.starts[1],
            len(parts[1]),
            f"an event has no '{parts[1]}'",
            did_you_mean(parts[1], event_names(), "it has"),
        )
    elif len(parts) > 2 and parts[1] == "data" and scope.data is not None:
        if parts[2] not in scope.data:
            what = f"'{scope.event_type}'" if scope.event_type else "this event"
            at.say(
                "R201",
                chain.starts[2],
                len(parts[2]),
                f"{what} has no fact '{parts[2]}'",
                did_you_mean(parts[2], scope.data, "facts"),
            )


def _steps(chain: Chain, scope: Scope, at: Place) -> None:
    parts = chain.parts
    if len(parts) < 3 or parts[2] != "output":
        at.say("R310", chain.start, len(chain.text), "a step is read as steps.<id>.output.<name>")
    elif parts[1] not in scope.steps:
        at.say(
            "R310",
            chain.starts[1],
            len(parts[1]),
            f"no step '{parts[1]}' comes before this one",
            did_you_mean(parts[1], scope.steps, "steps"),
        )
    elif len(parts) > 3 and (output := scope.steps[parts[1]]) is not None:
        if parts[3] not in output:
            at.say(
                "R310",
                chain.starts[3],
                len(parts[3]),
                f"step '{parts[1]}' gives no '{parts[3]}'",
                did_you_mean(parts[3], output, "it gives"),
            )


def _failure(chain: Chain, scope: Scope, at: Place) -> None:
    if not scope.failing:
        at.say("R201", chain.start, len(chain.text), "'failure' is bound in on_failure only")
    elif len(chain.parts) < 2 or chain.parts[1] not in ("step", "message"):
        at.say("R201", chain.start, len(chain.text), "a failure has step and message")


_ROOT_CHECKS: dict[str, Callable[[Chain, Scope, Place], None]] = {
    "item": _record,
    "account": _record,
    "contact": _record,
    "event": _event,
    "steps": _steps,
    "failure": _failure,
}
