"""One run in hand: which step is next, what it has given, and how the run ends. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from relay.core import ids
from relay.core.errors import (
    AuthError,
    Filtered,
    InvalidInput,
    RelayError,
    RetryableError,
    Skipped,
)
from relay.crm.port import Author, Operation
from relay.setups import Setup
from relay.storage.runs import Booking, StoredRun
from rules.engine import CLEAR, Rule, RuleError, Step, holds, origin, resolve

FAILURE_STEPS = 1000  # on_failure steps are numbered from here
OPEN_STATES = frozenset({"waiting", "running"})


@dataclass(slots=True, kw_only=True)
class Execution:
    """A run while a worker holds it. `steps` are the rows to be written, by number."""

    run: int
    org: int
    event: int
    rule: Rule
    setup: Setup
    facts: dict[str, Any]
    item: str | None
    about: str | None
    okey: int | None
    depth: int
    token: int
    fresh: bool
    trigger: int = 0
    clauses: list[dict[str, Any]] | None = None
    state: str = "running"
    reason: str | None = None
    at: int = 0
    failing: bool = False
    failed_with: str | None = None
    tried: int = 0  # tries of the present step before this one
    due_in: timedelta | None = None
    held_by: int | None = None
    steps: dict[int, dict[str, Any]] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    step: Step | None = None
    params: dict[str, Any] = field(default_factory=dict)
    booking: Booking | None = None
    sent: bool = False  # the present step may be done, or be under way
    over: set[int] = field(default_factory=set)  # steps that an earlier try was done with
    unfinished: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    is_replay: bool = False
    unsure_since: datetime | None = None  # when an earlier try of it began that may have done it

    @property
    def number(self) -> int:
        """The present step's."""
        return self.at + (FAILURE_STEPS if self.failing else 0)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def key(self) -> str:
        """The present step's: firing and step, the same for every try for ever."""
        assert self.step is not None  # noqa: S101 - only asked while a step is in hand
        return ids.digest("step", self.rule.id, str(self.event), self.step.id)

    @property
    def author(self) -> Author:
        """Who makes this run's changes."""
        return Author(
            kind="rule",
            ref=self.rule.id,
            run=self.run,
            event=self.event,
            depth=self.depth + 1,
        )

    def resume(self, stored: StoredRun) -> None:
        """Goes on where an earlier try stopped."""
        self.is_replay = stored.replay_of is not None
        for number, row in sorted(stored.steps.items()):
            self.failing = self.failing or number >= FAILURE_STEPS
            if row["state"] == "waiting":
                self.unfinished[number] = row
                continue
            self.over.add(number)
            self.facts["steps"][row["step_id"]] = {"output": row["output"] or {}}
            if row["state"] == "failed" and number < FAILURE_STEPS:
                self._failed_before(row)
        if not self.failing:
            self.failed_with = None

    def _failed_before(self, row: Mapping[str, Any]) -> None:
        """The failure that on_failure steps are about, should there be any."""
        self.failed_with = row["error"]
        self.facts["failure"] = {"step": row["step_id"], "message": row["error"]}

    def advance(self, now: datetime) -> bool:
        """Puts the next step to do in hand; False when the run has ended."""
        while self.is_open:
            program = self.rule.on_failure if self.failing else self.rule.do
            if self.at >= len(program):
                self.end()
                return False
            if self.number in self.over:
                self.at += 1
                continue
            step = self._take(program[self.at])
            try:
                if not holds(step, self.facts):
                    self._note("not_run", now, error="its condition was false")
                    self._next()
                    continue
                self.params = _cleared(resolve(step, self.facts))
            except RuleError as error:
                self.failed(error, now)
                continue
            return True
        return False

    def _take(self, step: Step) -> Step:
        """Puts a step in hand, with what is known of earlier tries of it."""
        self.step = step
        earlier = self.unfinished.pop(self.number, None)
        if earlier is not None:
            self.tried = earlier["attempts"]
            self.unsure_since = earlier["started_at"] if earlier["sent"] else None
        return step

    def operation(self) -> Operation:
        """The present step as something to ask of the CRM."""
        assert self.step is not None  # noqa: S101 - only asked while a step is in hand
        return Operation(
            org=self.org,
            verb=self.step.use.partition(".")[2],
            params=self.params,
            author=self.author,
            key=self.key,
            item=self.item,
            unsure_since=self.unsure_since,
        )

    def sends(self, now: datetime) -> None:
        """The present step's call goes out once this is written; until its answer is, nobody knows
        whether it was carried out."""
        self.sent = True
        self._note("waiting", now)

    def done(
        self,
        output: Mapping[str, Any],
        now: datetime,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        """The present step succeeded."""
        assert self.step is not None  # noqa: S101 - only asked while a step is in hand
        self.facts["steps"][self.step.id] = {"output": dict(output)}
        self._note("succeeded", now, output=dict(output), changes=changes)
        self._next()

    def failed(self, error: RelayError | RuleError, now: datetime) -> None:
        """The present step cannot be done; decides how the run goes on."""
        message = self._told(error)
        match error:
            case Filtered():
                self._note("not_run", now, error=message)
                self.end("filtered", message)
            case Skipped():
                self._note("not_run", now, error=message)
                self.end("skipped", message)
            case _ if self.step is not None and self.step.on_error == "continue":
                self._note("failed", now, error=message)
                self._next()
            case _:
                self._note("failed", now, error=message)
                self._give_up(message)

    def retry(self, error: RetryableError, now: datetime, jitter: float) -> bool:
        """Waits for another try; False when there were enough. `jitter` is between 0 and 1."""
        assert self.step is not None  # noqa: S101 - only asked while a step is in hand
        policy = self.step.retry
        if self.tried >= policy.attempts:
            return False
        wait = min(policy.first * 2 ** (self.tried - 1), policy.max) * (1 + 0.2 * jitter)
        self.due_in = max(wait, error.retry_after or timedelta(0))
        self.state, self.reason = "waiting", str(error)
        self._note("waiting", now, error=str(error))
        return True

    def postpone(self, error: RelayError, now: datetime, wait: timedelta) -> None:
        """Waits for its turn: no try is counted."""
        self.due_in, self.state, self.reason = wait, "waiting", str(error)
        self._note("waiting", now, error=str(error))

    def hold(self, reason: str, now: datetime, connection: int | None = None) -> None:
        """Waits for a person."""
        self.state, self.reason, self.held_by = "held", reason, connection
        if self.step is not None:
            self._note("waiting", now, error=reason)

    def end(self, state: str | None = None, reason: str | None = None) -> None:
        """The run is over."""
        self.state = state or ("failed" if self.failed_with else "succeeded")
        self.reason = reason or self.failed_with
        self.step = None

    def perish(self, reason: str, now: datetime) -> None:
        """Workers died with the run: it fails where it stands. Nothing of it is worked out any
        more, nor what it would do on failure, for they may have died of that. A step that has a row
        keeps what is known of it."""
        program = self.rule.on_failure if self.failing else self.rule.do
        while self.at < len(program) and self.number in self.over:
            self.at += 1
        if self.at < len(program) and self.number not in self.unfinished:
            self._take(program[self.at])
            self._note("failed", now, error=reason)
        self.end("failed", reason)

    def _give_up(self, message: str) -> None:
        if self.failing or not self.rule.on_failure:
            self.end("failed", self.failed_with or message)
            return
        self.facts["failure"] = {
            "step": self.step.id if self.step else "",
            "message": message,
        }
        self.failing, self.failed_with, self.at, self.tried = True, message, 0, 0
        self.sent, self.unsure_since = False, None

    def _next(self) -> None:
        self.at += 1
        self.tried = 0
        self.booking = None
        self.sent, self.unsure_since = False, None

    def _note(
        self,
        state: str,
        now: datetime,
        *,
        output: Mapping[str, Any] | None = None,
        changes: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        assert self.step is not None  # noqa: S101 - only asked while a step is in hand
        waits = state == "waiting"
        self.steps[self.number] = {
            "run_id": self.run,
            "n": self.number,
            "step_id": self.step.id,
            "use": self.step.use,
            "state": state,
            "input": self.params,
            "output": output,
            "changes": changes or None,
            "error": error,
            "key": self.key,
            "attempts": self.tried,
            "sent": self.sent and state in {"waiting", "failed"},
            "started_at": now,
            "ended_at": None if waits else now,
        }

    def _told(self, error: RelayError | RuleError) -> str:
        """The sentence for people; a refused field also says where its value came from."""
        if not isinstance(error, InvalidInput) or self.step is None:
            return str(error)
        told = [str(error)]
        for name in error.fields:
            source = origin(self.step, f"fields.{name}") or origin(self.step, name)
            if source:
                told.append(f"field {name}, from {source}")
        return " → ".join(told)


def is_person_needed(error: RelayError) -> bool:
    """Whether only a person can mend it: the connection pauses."""
    return isinstance(error, AuthError)


def _cleared(params: dict[str, Any]) -> dict[str, Any]:
    """`null_to_clear()` as the CRM and the providers take it: an empty value."""
    return {key: _clear(value) for key, value in params.items()}


def _clear(value: Any) -> Any:
    if value is CLEAR:
        return ""
    if isinstance(value, dict):
        return {key: _clear(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clear(inner) for inner in value]
    return value
