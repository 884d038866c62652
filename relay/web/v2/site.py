"""What every route of the API works with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from relay.core.access import Caller
from relay.core.errors import NotFound
from relay.crm.embedded import contacts
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.schema import Schema
from relay.crm.model import Fields, List
from relay.crm.port import Author
from relay.crm.values import Sent
from relay.storage.database import Database
from relay.web.v2.wire import addresses

T = TypeVar("T")

# Who sends the request at hand. Raises BadSignature.
Authenticate = Callable[[], Caller]


class Write(Protocol):
    """Lets `work` change the organization's CRM in one transaction, with its events."""

    def __call__(self, org: int, work: Callable[[Desk], T], /) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where things are read, and how they are changed."""

    db: Database
    write: Write


def author_of(caller: Caller) -> Author:
    return Author(kind="key", ref=caller.key)


def may_see(caller: Caller, one: List) -> bool:
    """Whether the key may use the list; keys name lists by id or title."""
    return caller.lists is None or one.id in caller.lists or one.title in caller.lists


def list_of(schema: Schema, caller: Caller, id: str) -> List:
    """Raises NotFound, also for a list that the key may not see."""
    one = schema.list(id)
    if not may_see(caller, one):
        raise NotFound(f"there is no list {id!r}")
    return one


def sent_by(desk: Desk, fields: Fields, given: object) -> Sent:
    """How the values of a request are converted: contacts may be named by address."""
    named = contacts.by_email(desk.conn, desk.org, addresses(fields, given))
    return desk.sent(mapped=False, contacts={email: them[0].id for email, them in named.items()})
