"""Row numbers taken before the rows are written."""

from sqlalchemy import Connection, Table, text


def next_ids(conn: Connection, table: Table, count: int) -> list[int]:
    """Row numbers for a chunk, so that rows that refer to each other are written without waiting.

    On SQLite the caller is the only writer.
    """
    if count == 0:
        return []
    if conn.dialect.name == "postgresql":
        found = conn.execute(
            text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :n)"),
            {"name": table.name, "n": count},
        )
        return sorted(found.scalars())
    last = conn.execute(
        text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
    ).scalar_one_or_none()
    first = (last or 0) + 1
    return list(range(first, first + count))
