"""What lies behind a Relay that has worked for long: finished rows, made by the database itself."""

from sqlalchemy import text

from bench.house import JOB, House

# By the series `n`: events with their payloads, outcomes, firings, runs, a step each, deliveries.
_TABLES = {
    "events": (
        "id, org_id, kind, source_id, dkey, okey, state, received_at",
        "n, :org, 'delivery', :source, 'past-' || n, n, 'accepted', {at}",
    ),
    "payloads": ("event_id, headers, body", "n, '{{}}', {body}"),
    "event_outcomes": (
        "event_id, org_id, state, type, about, at",
        "n, :org, 'routed', 'form.submitted', 'kim' || (n % 1000) || '@example.com', {at}",
    ),
    "firings": (
        "org_id, rule_id, key, run_id, at",
        ":org, :rule, 'event:' || n, n, {at}",
    ),
    "runs": (
        "id, org_id, event_id, rule_id, rule_hash, set_hash, state, about, created_at, ended_at",
        "n, :org, n, :rule, 'hash', 'none', 'succeeded',"
        " 'kim' || (n % 1000) || '@example.com', {at}, {at}",
    ),
    "steps": (
        "run_id, n, step_id, use, state, input, output, key, attempts, started_at, ended_at",
        "n, 0, 'contact', 'crm.upsert_contact', 'succeeded', '{{}}', '{{}}', 'step-' || n, 0,"
        " {at}, {at}",
    ),
    "deliveries": (
        "id, org_id, dkey, target_kind, target_id, event_id, run_id, message_id, type, url,"
        " headers, body, state, attempts, last_status, created_at, ended_at",
        "n, :org, 'past-' || n, 'hook', 1, n, n, 'evt_' || n, 'form.submitted',"
        " 'https://hooks.example.com/', '{{}}', {body}, 'delivered', 1, 200, {at}, {at}",
    ),
}
_SAYS = {
    "postgresql": {
        "series": "SELECT generate_series(1, :count) AS n",
        "at": "now() - (:count - n) * interval '1 second'",
        "body": "CAST('{}' AS bytea)",
    },
    "sqlite": {
        "series": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :count)"
        " SELECT n FROM s",
        "at": "CAST(strftime('%s', 'now') AS INTEGER) * 1000000 - (:count - n) * 1000000",
        "body": "CAST('{}' AS BLOB)",
    },
}


def fill(house: House, count: int) -> None:
    """So many finished events with everything they led to, newest last. The store is empty yet."""
    source = house.signed("past", JOB)
    given = {
        "org": house.made.org, "source": source.id, "rule": f"mapping-{source.id}", "count": count,
    }  # fmt: skip
    db = house.runtime.db
    says = _SAYS[db.dialect]
    for table, (columns, values) in _TABLES.items():
        rows = f"SELECT {values.format(**says)} FROM ({says['series']}) AS s"  # noqa: S608 - of this file
        with db.write() as conn:
            conn.execute(text(f"INSERT INTO {table} ({columns}) {rows}"), given)
            if db.dialect == "postgresql" and columns.startswith("id,"):
                found = {"name": table, "count": count}
                conn.execute(
                    text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :count)"), found
                )
    house.settle()
