"""What failed of one cause is looked after at once: done again, when it was said what that does, or
dismissed with a reason."""

from typing import Any

from relay.core.errors import InvalidInput
from relay.core.ids import public
from relay.pipeline import many_runs
from relay.pipeline.many_runs import MOST as MOST
from relay.pipeline.plain import time
from relay.runtime import Runtime
from relay.storage import identity
from relay.storage.reads import failures as stored
from relay.storage.reads.failures import Failure

Document = dict[str, Any]


def listed(runtime: Runtime, org: int) -> list[Document]:
    """Each cause, most runs first."""
    with runtime.db.read() as conn:
        return [_told(one) for one in stored.failures(conn, org, runtime.clock.now())]


def foretell(runtime: Runtime, org: int, cause: str, version: str, limit: int = MOST) -> Document:
    """How often each step would run again, and how safely. Raises NotFound."""
    one, ids = _chosen(runtime, org, cause, limit)
    return {
        **_told(one),
        "version": version,
        "chosen": len(ids),
        **many_runs.foretell(runtime, org, ids, version),
    }


def replay_all(
    runtime: Runtime, org: int, cause: str, version: str, limit: int = MOST, *, by: str
) -> Document:
    """Does the oldest of them again, one by one: the runs that go on, and why others do not."""
    _, ids = _chosen(runtime, org, cause, limit)
    return {"cause": cause, **many_runs.replay_all(runtime, org, ids, version, by=by)}


def dismiss(runtime: Runtime, org: int, cause: str, why: str, *, by: str) -> int:
    """Nobody needs to look after them; the runs stay as they are. How many there were."""
    if not why.strip():
        raise InvalidInput("say why nothing is to be done", {"reason": ["is empty"]})
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        one = stored.failure(conn, org, cause, now)
        number = stored.settle(conn, org, one, f"dismissed by {by}: {why.strip()}")
        identity.audit(conn, org, by, "failures dismissed", one.rule, at=now,
                       before=one.reason, after={"runs": number, "why": why.strip()})  # fmt: skip
    return number


def _chosen(runtime: Runtime, org: int, cause: str, limit: int) -> tuple[Failure, list[int]]:
    with runtime.db.read() as conn:
        one = stored.failure(conn, org, cause, runtime.clock.now())
        return one, stored.runs_of(conn, org, one, min(limit, MOST))


def _told(one: Failure) -> Document:
    return {
        "cause": one.cause,
        "rule": one.rule,
        "connector": one.connector or None,
        "reason": one.reason,
        "runs": one.number,
        "lately": one.lately,
        "first_at": time(one.first_at),
        "last_at": time(one.last_at),
        "last_run": public("run", one.last_run),
    }
