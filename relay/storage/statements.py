"""The statements that must differ between the two databases, side by side.

A claim is a lease: taken, counted and moved in one statement on the database's own clock. A row is
taken only when everything older under its ordering key is gone or taken with it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """`claim` by :ids and `top_up` from the backlog give (id, org_id, okey, attempts, is_late);
    `due` gives ids for the sweep; `fence` deletes what the token still holds and gives its ids;
    `retry` makes one row due again, as one that nobody has died with; `successors` claims what
    waited behind finished :keys, `any_of` says whether something does; `renew` checks that the
    token still holds the rows, locks them and lengthens their lease. Durations are :seconds."""

    claim: str
    top_up: str
    due: str
    fence: str
    retry: str
    add: str
    add_leased: str
    any_of: str
    successors: str
    renew: str


PG_OLDER = "SELECT 1 FROM work p WHERE p.kind = c.kind AND p.okey = c.okey AND p.id < c.id"
PG_DUE = "due_at <= now() AND (lease_until IS NULL OR lease_until <= now())"
# What a worker died with is claimed alone (`deaths.py`).
PG_FREE = f"{PG_DUE} AND deaths = 0"
# A set is one text, which is less to write than an array.
_PG_IDS = "ANY(CAST(:ids AS bigint[]))"
_PG_KEYS = "ANY(CAST(:keys AS bigint[]))"
_PG_TAKE = """
UPDATE work w SET lease_until = now() + :seconds * interval '1 second', token = :token,
    attempts = w.attempts + 1
FROM taken WHERE w.kind = :kind AND w.id = taken.id
RETURNING w.id, w.org_id, w.okey, w.attempts, w.due_at < now() - interval '30 ms' AS is_late"""

POSTGRESQL = Statements(
    claim=f"""
WITH c AS MATERIALIZED (
    SELECT kind, id, okey FROM work WHERE kind = :kind AND id = {_PG_IDS}
    AND {PG_FREE}
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED),
taken AS (SELECT id FROM c WHERE okey IS NULL OR NOT EXISTS (
    {PG_OLDER} AND p.id <> ALL (SELECT id FROM c)))
{_PG_TAKE}""",
    # The order is tested inside the limited query, or one busy key would fill the limit with rows
    # that cannot be taken.
    top_up=f"""
WITH taken AS MATERIALIZED (
    SELECT c.id FROM work c WHERE c.kind = :kind AND {PG_FREE}
    AND (c.okey IS NULL OR NOT EXISTS ({PG_OLDER}))
    ORDER BY c.due_at, c.id LIMIT :limit FOR UPDATE SKIP LOCKED)
{_PG_TAKE}""",
    due=f"""
SELECT c.id FROM work c WHERE c.kind = :kind AND {PG_FREE}
AND c.due_at <= now() - :seconds * interval '1 second'
AND (c.okey IS NULL OR NOT EXISTS ({PG_OLDER}))
ORDER BY c.due_at, c.id LIMIT :limit""",
    fence=f"""
DELETE FROM work WHERE kind = :kind AND id = {_PG_IDS} AND token = :token RETURNING id""",
    retry="""
UPDATE work SET due_at = now() + :seconds * interval '1 second', lease_until = NULL, token = NULL,
    deaths = 0
WHERE kind = :kind AND id = :id AND token = :token RETURNING id""",
    add="""
INSERT INTO work (kind, id, org_id, okey, target, lane, due_at, attempts)
SELECT :kind, id, org, okey, target, lane, now(), 0 FROM json_to_recordset(CAST(:given AS json))
AS v(id bigint, org bigint, okey bigint, target bigint, lane smallint)""",
    add_leased="""
INSERT INTO work (kind, id, org_id, okey, target, due_at, lease_until, token, attempts)
SELECT :kind, id, org, okey, target, now(), now() + :seconds * interval '1 second', :token, 1
FROM json_to_recordset(CAST(:given AS json))
AS v(id bigint, org bigint, okey bigint, target bigint, lane smallint)""",
    any_of=f"""
SELECT id FROM work WHERE kind = :kind AND okey = {_PG_KEYS} LIMIT 1""",
    successors=f"""
WITH c AS MATERIALIZED (
    SELECT kind, id, okey FROM work WHERE kind = :kind AND okey = {_PG_KEYS}
    AND {PG_FREE}
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED),
taken AS (SELECT id FROM c WHERE NOT EXISTS ({PG_OLDER} AND p.id <> ALL (SELECT id FROM c)))
{_PG_TAKE}""",
    renew=f"""
UPDATE work SET lease_until = now() + :seconds * interval '1 second'
WHERE kind = :kind AND id = {_PG_IDS} AND token = :token RETURNING id""",
)

# Microseconds, as `Time` keeps them. `unixepoch('subsec')` is newer than the SQLite of Debian 12.
LITE_NOW = "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000)"
LITE_OLDER = "SELECT 1 FROM work p WHERE p.kind = c.kind AND p.okey = c.okey AND p.id < c.id"
LITE_DUE = f"c.due_at <= {LITE_NOW} AND (c.lease_until IS NULL OR c.lease_until <= {LITE_NOW})"
LITE_FREE = f"{LITE_DUE} AND c.deaths = 0"
_LITE_TAKE = f"""
UPDATE work SET lease_until = {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER), token = :token,
    attempts = attempts + 1
WHERE kind = :kind AND id IN (SELECT id FROM taken)
RETURNING id, org_id, okey, attempts, due_at < {LITE_NOW} - 30000 AS is_late"""

SQLITE = Statements(
    claim=f"""
WITH cand AS MATERIALIZED (
    SELECT c.kind, c.id, c.okey FROM work c
    WHERE c.kind = :kind AND c.id IN (SELECT value FROM json_each(:ids)) AND {LITE_FREE}
    ORDER BY c.id LIMIT :limit),
taken AS (SELECT c.id FROM cand c WHERE c.okey IS NULL OR NOT EXISTS (
    {LITE_OLDER} AND p.id NOT IN (SELECT id FROM cand)))
{_LITE_TAKE}""",
    top_up=f"""
WITH taken AS MATERIALIZED (
    SELECT c.id FROM work c WHERE c.kind = :kind AND {LITE_FREE}
    AND (c.okey IS NULL OR NOT EXISTS ({LITE_OLDER}))
    ORDER BY c.due_at, c.id LIMIT :limit)
{_LITE_TAKE}""",
    due=f"""
SELECT c.id FROM work c WHERE c.kind = :kind AND {LITE_FREE}
AND c.due_at <= {LITE_NOW} - CAST(:seconds * 1000000 AS INTEGER)
AND (c.okey IS NULL OR NOT EXISTS ({LITE_OLDER}))
ORDER BY c.due_at, c.id LIMIT :limit""",
    fence="""
DELETE FROM work WHERE kind = :kind AND id IN (SELECT value FROM json_each(:ids))
AND token = :token RETURNING id""",
    retry=f"""
UPDATE work SET due_at = {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER), lease_until = NULL,
    token = NULL, deaths = 0
WHERE kind = :kind AND id = :id AND token = :token RETURNING id""",
    add=f"""
INSERT INTO work (kind, id, org_id, okey, target, lane, due_at, attempts)
VALUES (:kind, :id, :org, :okey, :target, :lane, {LITE_NOW}, 0)""",
    add_leased=f"""
INSERT INTO work (kind, id, org_id, okey, target, due_at, lease_until, token, attempts)
VALUES (:kind, :id, :org, :okey, :target, {LITE_NOW},
    {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER), :token, 1)""",
    any_of="""
SELECT id FROM work WHERE kind = :kind AND okey IN (SELECT value FROM json_each(:keys)) LIMIT 1""",
    successors=f"""
WITH cand AS MATERIALIZED (
    SELECT c.kind, c.id, c.okey FROM work c
    WHERE c.kind = :kind AND c.okey IN (SELECT value FROM json_each(:keys)) AND {LITE_FREE}
    ORDER BY c.id LIMIT :limit),
taken AS (SELECT c.id FROM cand c WHERE NOT EXISTS (
    {LITE_OLDER} AND p.id NOT IN (SELECT id FROM cand)))
{_LITE_TAKE}""",
    renew=f"""
UPDATE work SET lease_until = {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER)
WHERE kind = :kind AND id IN (SELECT value FROM json_each(:ids)) AND token = :token
RETURNING id""",
)
