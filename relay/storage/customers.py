"""Who an account of ours is at a provider: names change there, ids do not."""

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.tables.setup import known_customers


def customers_of(conn: Connection, org: int, connection: int, account: str) -> dict[str, str]:
    """The provider's ids for an account of ours, by currency."""
    rows = conn.execute(
        select(known_customers.c.currency, known_customers.c.customer_id).where(
            known_customers.c.org_id == org,
            known_customers.c.connection_id == connection,
            known_customers.c.account_id == account,
        )
    )
    return {row.currency: row.customer_id for row in rows}


def remember_customer(
    conn: Connection, org: int, connection: int, account: str, *, currency: str, customer: str
) -> None:
    """From now on the account is this customer."""
    which = (
        known_customers.c.org_id == org,
        known_customers.c.connection_id == connection,
        known_customers.c.account_id == account,
        known_customers.c.currency == currency,
    )
    known = conn.execute(update(known_customers).where(*which).values(customer_id=customer))
    if not known.rowcount:
        insert_ = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
        conn.execute(
            insert_(known_customers)
            .values(
                org_id=org,
                connection_id=connection,
                account_id=account,
                currency=currency,
                customer_id=customer,
            )
            .on_conflict_do_nothing()
        )
