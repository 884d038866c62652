"""Several runs done again or ended at once, because a person chose them: one by one, and those that
cannot be say why."""

from collections.abc import Callable, Sequence
from typing import Any

from relay.core.errors import Conflict, NotFound
from relay.core.ids import public
from relay.pipeline import replay
from relay.pipeline.replay import Wanted
from relay.runtime import Runtime

Document = dict[str, Any]

MOST = 200  # that one request does
_TOLD = 5


def foretell(runtime: Runtime, org: int, ids: Sequence[int], version: str) -> Document:
    """How often each step would run again, and how safely; and why some would not."""
    steps: dict[tuple[str, str], Document] = {}
    refused: list[str] = []
    for id in ids:
        try:
            plan = replay.foretell(runtime, org, id, Wanted(what=None, version=version))
        except (Conflict, NotFound) as error:
            refused.append(str(error))
            continue
        for step in plan["steps"]:
            key = (plan["rule"], step["id"])
            known = steps.setdefault(key, {**step, "rule": plan["rule"], "times": 0})
            known["times"] += step["runs_again"]
            if step["runs_again"] and (known["safe"] or not known["runs_again"]):
                known |= {name: step[name] for name in ("safe", "note", "runs_again")}
    return {"refused": refused[:_TOLD], "steps": list(steps.values())}


def replay_all(
    runtime: Runtime, org: int, ids: Sequence[int], version: str, *, by: str
) -> Document:  # fmt: skip
    """Does them again: the runs that go on, and why others do not."""
    wanted = Wanted(what=None, version=version)
    return _each(ids, lambda id: replay.replay(runtime, org, id, wanted, by=by))


def cancel_all(runtime: Runtime, org: int, ids: Sequence[int], *, by: str) -> Document:
    """Ends those that wait or are held, and says why others are not."""

    def cancel(id: int) -> int:
        replay.cancel(runtime, org, id, by=by)
        return id

    return _each(ids, cancel)


def _each(ids: Sequence[int], do: Callable[[int], int]) -> Document:
    done: list[str] = []
    refused: list[str] = []
    for id in ids:
        try:
            done.append(public("run", do(id)))
        except (Conflict, NotFound) as error:
            refused.append(str(error))
    return {"runs": done, "refused": refused}
