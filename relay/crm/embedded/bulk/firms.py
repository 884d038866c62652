"""Accounts of a file: one by its name, made or completed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.core.errors import InvalidInput, RelayError
from relay.crm.embedded import accounts
from relay.crm.embedded.bulk.fields import sent_for, values_of
from relay.crm.embedded.bulk.outcome import CREATED, SAME, UPDATED, Outcome
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.verbs.accounts import ledger
from relay.crm.limits import LONGEST_NAME, one_line
from relay.crm.model import Stored
from relay.crm.port import Author
from relay.crm.values import Sent
from relay.storage.rows import Row

_TOLD = frozenset({"id", "name", "created_at", "modified_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """A line about an account."""

    name: str
    values: Mapping[str, Stored | None]


def prepare(desk: Desk, rows: Sequence[Row]) -> list[Firm | RelayError]:
    """What the lines say."""
    sent = sent_for(desk, desk.schema.account_fields, rows)
    prepared: list[Firm | RelayError] = []
    for row in rows:
        try:
            prepared.append(_firm(desk, row.values, sent))
        except RelayError as error:
            prepared.append(error)
    return prepared


def store(desk: Desk, lines: Sequence[Firm], author: Author) -> list[Outcome]:
    """Values are laid over those that are there."""
    book = ledger(desk, {line.name for line in lines})
    outcomes: list[Outcome] = []
    for line in lines:
        before = book.now.get(accounts.key_of(line.name))
        after, is_new, _ = book.upsert(line.name, line.values, author)
        outcomes.append(CREATED if is_new else SAME if after is before else UPDATED)
    book.save()
    return outcomes


def _firm(desk: Desk, values: Mapping[str, object], sent: Sent) -> Firm:
    name = values.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput("name is needed", {"name": ["is needed"]})
    given = {key: value for key, value in values.items() if key not in _TOLD}
    return Firm(
        name=one_line("name", name.strip(), LONGEST_NAME),
        values=values_of(desk.schema.account_fields, given, sent),
    )
