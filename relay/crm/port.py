"""What the relay asks of a CRM: operations in batches, answered one by one.

Both adapters keep this protocol: the embedded one, whose operations can join the caller's
transaction, and the remote one over HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from relay.core.errors import RelayError


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who makes a change: `kind` is `person`, `key`, `source`, `rule` or `sync`; `ref` names it
    (user email, key id, source name, rule id); `run` and `event` are rows of ours, where there are;
    `depth` counts how many rules led here."""

    kind: str
    ref: str
    run: int | None = None
    event: int | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One `crm.*` verb to carry out for an organization, its parameters already mapped.

    `verb` is the short name (`update_item`). `params` are as rule-language.md section 4 says.
    `item` is the id of the triggering item, where there is one. `key` makes it happen once.
    `unsure_since` is when an earlier try began that may have done it: a CRM that knows no keys is
    asked before anything is sent.
    """

    org: int
    verb: str
    params: Mapping[str, object]
    author: Author
    key: str
    item: str | None = None
    unsure_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The operation's output, as rules see it (`steps.<id>.output`), and what changed:
    `changes` maps a field's slug to (from, to) for the trace."""

    output: Mapping[str, object] = field(default_factory=dict)
    changes: Mapping[str, tuple[object, object]] = field(default_factory=dict)


# An operation that cannot be done is answered with its error, and spoils none of the others.
Result = Done | RelayError


class CRM(Protocol):
    """An organization's CRM."""

    async def perform(self, operations: Sequence[Operation]) -> list[Result]:
        """Carries out the operations in order; one result each, in the same order."""
        ...
