"""What every function that changes the CRM needs: whose, in which transaction, when, by whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from relay.crm.changes import Told, Wanted, wanted_always
from relay.crm.embedded import people as users
from relay.crm.embedded.schema import Schema, schema
from relay.crm.embedded.stream import Post
from relay.crm.model import Account, Contact, Field, Item, Stored
from relay.crm.port import Author
from relay.crm.values import People, Sent
from relay.storage.bundle import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """An item as it became, and the fields that changed with their values before and after."""

    item: Item
    author: Author
    fields: Sequence[tuple[Field, Stored | None, Stored | None]] = ()
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewThing:
    """An account or a contact that was made, or a contact that was changed."""

    thing: Account | Contact
    author: Author
    is_new: bool = True


@dataclass(slots=True, kw_only=True)
class Desk:
    """One organization's CRM within one transaction. `now_ms` is the time of all its changes.

    What is `touched` becomes `changes` when it is flushed (`records.flush`): with the record as it
    is then, for those that are wanted. The caller writes the changes as events.

    `known` are contacts as they were met or became, `held` the items that are locked, as they are
    by now: who needs one again need not read it again. The caller writes the `bundle`.
    """

    conn: Connection
    org: int
    now_ms: int
    changes: list[Told] = field(default_factory=list)
    wanted: Wanted = wanted_always
    touched: list[Touched | NewThing | Post] = field(default_factory=list)
    known: dict[str, Contact] = field(default_factory=dict)
    held: dict[str, Item] = field(default_factory=dict)
    bundle: Bundle = field(default_factory=Bundle)
    _schema: Schema | None = None
    _people: People | None = None

    @property
    def schema(self) -> Schema:
        if self._schema is None:
            self._schema = schema(self.conn, self.org)
        return self._schema

    def people(self) -> People:
        """Read when the first owner is asked for: most work never asks."""
        if self._people is None:
            self._people = users.people(self.conn, self.org)
        return self._people

    def sent(self, *, mapped: bool, contacts: Mapping[str, str] | None = None) -> Sent:
        """How values are converted here."""
        return Sent(people=self.people, contacts=contacts or {}, mapped=mapped)
