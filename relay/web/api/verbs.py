"""Changes of the CRM by a key: the verbs that rules use, in one transaction with their events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from relay.crm.changes import Told
from relay.crm.port import Done, Operation
from relay.pipeline import crm, transitions
from relay.web.api.site import Document, author, caller, runtime

T = TypeVar("T")
Work = Callable[[Connection, list[Told]], T]


@dataclass(frozen=True, slots=True)
class Verbs:
    """The CRM's verbs within one transaction."""

    conn: Connection
    changes: list[Told]

    def do(self, verb: str, **params: object) -> Document:
        """Carries out one; gives its output. Raises its error, which undoes all of them."""
        given = {name: value for name, value in params.items() if value is not None}
        operation = Operation(org=caller().org, verb=verb, params=given, author=author(), key="")
        wanted = transitions.wanted(runtime().setups.of(self.conn, caller().org))
        (result,) = runtime().crm.apply(self.conn, [operation], self.changes, wanted=wanted)
        if not isinstance(result, Done):
            raise result
        return dict(result.output)


def change(work: Work[T]) -> T:
    """One transaction; the rules are woken after it."""
    return crm.change(runtime(), work)
