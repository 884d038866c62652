"""Pages of accounts, contacts and items for the API: filters, orders and counts of the wire.

Orders as recorded at SalesforceIQ: accounts by name, contacts newest first, items oldest first;
with a modified date all of them by it, so that the newest row is the poller's next cursor.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, func, select, tuple_

from relay.crm.embedded.accounts import COLUMNS as ACCOUNT
from relay.crm.embedded.accounts import account_of
from relay.crm.embedded.contacts import ACTIVE, contact_of
from relay.crm.embedded.contacts import COLUMNS as CONTACT
from relay.crm.embedded.items import COLUMNS as ITEM
from relay.crm.embedded.items import item_of
from relay.crm.model import Account, Contact, Item
from relay.storage.tables.crm import (
    accounts,
    contact_emails,
    contact_phones,
    contacts,
    item_contacts,
    items,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a collection: from `start`, at most `limit`; `ids` None is all of them."""

    start: int = 0
    limit: int = 50
    ids: Sequence[str] | None = None
    modified_ms: int | None = None


def of_accounts(conn: Connection, org: int, page: Page) -> list[Account]:
    """Accounts by name; with ids in the order asked for."""
    mine: Select[Any] = select(*ACCOUNT).where(_mine(accounts, org, few=page.ids is not None))
    chosen = _since(mine, accounts, page)
    order = (accounts.c.name_key, accounts.c.id)
    return [account_of(row) for row in _rows(conn, chosen, accounts, order, page)]


def of_contacts(
    conn: Connection,
    org: int,
    page: Page,
    *,
    email: str | None = None,
    phones: Collection[str] | None = None,
) -> list[Contact]:
    """Contacts, the newest first; `phones` are the digits a number may be kept as."""
    few = page.ids is not None or email is not None or phones is not None
    chosen: Select[Any] = select(*CONTACT).where(
        _mine(contacts, org, few=few), contacts.c.state == ACTIVE
    )
    if email is not None:
        mine = select(contact_emails.c.contact_id).where(
            contact_emails.c.org_id == org, contact_emails.c.email_lower == email.lower()
        )
        chosen = chosen.where(contacts.c.id.in_(mine))
    if phones is not None:
        mine = select(contact_phones.c.contact_id).where(
            contact_phones.c.org_id == org, contact_phones.c.digits.in_(sorted(phones))
        )
        chosen = chosen.where(contacts.c.id.in_(mine))
    order = (contacts.c.modified_ms.desc(), contacts.c.id.desc())
    chosen = _since(chosen, contacts, page)
    return [contact_of(row) for row in _rows(conn, chosen, contacts, order, page)]


def of_items(
    conn: Connection,
    org: int,
    list_id: str,
    page: Page,
    *,
    contact_ids: Sequence[str] | None = None,
    account_ids: Sequence[str] | None = None,
) -> tuple[list[Item], int]:
    """Items of a list, the oldest first, and how many match in all."""
    few = page.ids is not None or contact_ids is not None
    chosen: Select[Any] = select(*ITEM).where(
        _mine(items, org, few=few), items.c.list_id == list_id
    )
    if contact_ids is not None:
        mine = select(item_contacts.c.item_id).where(
            item_contacts.c.org_id == org,
            item_contacts.c.contact_id.in_(contact_ids),
            item_contacts.c.list_id == list_id,
        )
        chosen = chosen.where(items.c.id.in_(mine))
    if account_ids is not None:
        chosen = chosen.where(items.c.account_id.in_(account_ids))
    chosen = _since(chosen, items, page)
    # Those of an account are few: they are found by it, and put in order then.
    created = items.c.created_ms if account_ids is None else items.c.created_ms + 0
    order = (created, items.c.id)
    found = [item_of(row) for row in _rows(conn, chosen, items, order, page)]
    counted = select(func.count()).select_from(_chosen(chosen, items, page).subquery())
    return found, conn.execute(counted).scalar_one()


def contacts_after(conn: Connection, org: int, last: str, limit: int) -> list[Contact]:
    """Contacts by id, for a walk over all of them."""
    mine = select(*CONTACT).where(
        contacts.c.org_id == org, contacts.c.state == ACTIVE, contacts.c.id > last
    )
    return [contact_of(row) for row in conn.execute(mine.order_by(contacts.c.id).limit(limit))]


def accounts_after(conn: Connection, org: int, last: str, limit: int) -> list[Account]:
    """Accounts by id, for a walk over all of them."""
    mine = select(*ACCOUNT).where(accounts.c.org_id == org, accounts.c.id > last)
    return [account_of(row) for row in conn.execute(mine.order_by(accounts.c.id).limit(limit))]


def items_after(
    conn: Connection, org: int, list_id: str, last: tuple[int, str], limit: int
) -> list[Item]:
    """Items of a list by creation, for a walk over all of them."""
    mine = select(*ITEM).where(
        items.c.org_id == org,
        items.c.list_id == list_id,
        tuple_(items.c.created_ms, items.c.id) > last,
    )
    order = (items.c.created_ms, items.c.id)
    return [item_of(row) for row in conn.execute(mine.order_by(*order).limit(limit))]


def count_items(conn: Connection, org: int, list_id: str) -> int:
    """How many items the list has."""
    mine = (items.c.org_id == org, items.c.list_id == list_id)
    return conn.execute(select(func.count()).select_from(items).where(*mine)).scalar_one()


def _mine(table: FromClause, org: int, *, few: bool) -> ColumnElement[bool]:
    """The row is the organization's. Where few are asked for, by id or by what leads to ids, the
    indexes that begin with the organization are kept out of it: without statistics both databases
    may think that reading all it has costs no more."""
    return table.c.org_id + 0 == org if few else table.c.org_id == org


def _since(chosen: Select[Any], table: FromClause, page: Page) -> Select[Any]:
    if page.modified_ms is None:
        return chosen
    return chosen.where(table.c.modified_ms >= page.modified_ms)


def _chosen(chosen: Select[Any], table: FromClause, page: Page) -> Select[Any]:
    return chosen if page.ids is None else chosen.where(table.c.id.in_(page.ids))


def _rows(
    conn: Connection,
    chosen: Select[Any],
    table: FromClause,
    order: Sequence[ColumnElement[Any]],
    page: Page,
) -> Sequence[Any]:
    if page.ids is not None:
        known = {row[0]: row for row in conn.execute(_chosen(chosen, table, page))}
        asked = [known[id] for id in dict.fromkeys(page.ids) if id in known]
        return asked[page.start : page.start + page.limit]
    if page.modified_ms is not None:
        order = (table.c.modified_ms, table.c.id)
    return conn.execute(chosen.order_by(*order).offset(page.start).limit(page.limit)).all()
