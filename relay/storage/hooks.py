"""Hooks as rows: made, found, changed and taken away; their secrets and headers are sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.core import ids
from relay.core.errors import Conflict, NotFound
from relay.core.hook import MOST_IN_ALL, MOST_OF_ONE_TYPE, MOST_OLD_SECRETS, Hook, Secret
from relay.storage.batches import add_rows
from relay.storage.identity import touch_config
from relay.storage.tables.hooks import hook_health, hook_places, hook_sequences, hooks
from relay.storage.vault import Sealed, Vault


def create_hook(conn: Connection, vault: Vault, new: Hook, at: datetime) -> tuple[Hook, bool]:
    """The hook, and whether it is new: the same address, event and filter is the same hook.
    Raises Conflict where there are as many as there may be."""
    ukey = unique_key(new)
    same = _HOOK.where(hooks.c.org_id == new.org, hooks.c.ukey == ukey)
    known = conn.execute(same).first()
    if known is not None:
        return _read(known, vault), False
    _check_room(conn, new)
    upsert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    id = conn.execute(
        upsert(hooks)
        .values(**_values(vault, new), org_id=new.org, ukey=ukey, created_at=at)
        .on_conflict_do_nothing(index_elements=["org_id", "ukey"])
        .returning(hooks.c.id)
    ).scalar_one_or_none()
    if id is None:  # another request for the same was a moment faster
        return _read(conn.execute(same).one(), vault), False
    conn.execute(insert(hook_health).values(hook_id=id, org_id=new.org))
    touch_config(conn, new.org)
    return replace(new, id=id, created_at=at), True


def unique_key(hook: Hook) -> str:
    """What makes two hooks the same."""
    parts = (hook.url, hook.event, hook.list_id, hook.account_id, hook.condition, hook.format)
    return ids.digest("hook", *(part or "" for part in parts))


def _check_room(conn: Connection, new: Hook) -> None:
    mine = select(func.count()).select_from(hooks).where(hooks.c.org_id == new.org)
    if conn.execute(mine).scalar_one() >= MOST_IN_ALL:
        raise Conflict(f"an organization has at most {MOST_IN_ALL} hooks: delete one first")
    if conn.execute(mine.where(hooks.c.event == new.event)).scalar_one() >= MOST_OF_ONE_TYPE:
        raise Conflict(f"there are {MOST_OF_ONE_TYPE} hooks for {new.event}: delete one first")


def all_hooks(conn: Connection, vault: Vault, org: int) -> list[Hook]:
    """Every hook of the organization, oldest first."""
    rows = conn.execute(_HOOK.where(hooks.c.org_id == org).order_by(hooks.c.id))
    return [_read(row, vault) for row in rows]


def hook_called(conn: Connection, vault: Vault, org: int, ref: str) -> Hook:
    """By id (`hook_3`). Raises NotFound."""
    id = ids.number("hook", ref)
    row = conn.execute(_HOOK.where(hooks.c.org_id == org, hooks.c.id == id)).first()
    if row is None:
        raise NotFound(f"there is no hook {ref!r} here")
    return _read(row, vault)


def delete_hook(conn: Connection, org: int, id: int) -> bool:
    """Whether it was there. What waits to be sent is the caller's to cancel."""
    gone = conn.execute(delete(hooks).where(hooks.c.org_id == org, hooks.c.id == id)).rowcount > 0
    if gone:
        conn.execute(delete(hook_health).where(hook_health.c.hook_id == id))
        conn.execute(delete(hook_places).where(hook_places.c.hook_id == id))
        conn.execute(delete(hook_sequences).where(hook_sequences.c.hook_id == id))
        touch_config(conn, org)
    return gone


def save_hook(conn: Connection, vault: Vault, hook: Hook) -> None:
    """Writes what was changed of it. Raises Conflict where it would be another's twin, or where
    what is sealed cannot be read and would be lost."""
    if hook.problem is not None:
        raise Conflict(f"{hook.problem}; or make a new secret, which takes its own headers away")
    ukey = unique_key(hook)
    twin = select(hooks.c.id).where(
        hooks.c.org_id == hook.org, hooks.c.ukey == ukey, hooks.c.id != hook.id
    )
    if conn.execute(twin).first() is not None:
        raise Conflict("there is a hook with this address, event and filter already")
    mine = (hooks.c.org_id == hook.org, hooks.c.id == hook.id)
    conn.execute(update(hooks).where(*mine).values(**_values(vault, hook), ukey=ukey))
    touch_config(conn, hook.org)


def set_hook_state(conn: Connection, org: int, id: int, state: str, reason: str | None) -> bool:
    """`active`, `paused` or `disabled`, and why; whether it was something else before."""
    changed = conn.execute(
        update(hooks)
        .where(hooks.c.org_id == org, hooks.c.id == id, hooks.c.state != state)
        .values(state=state, reason=reason)
    ).rowcount
    if changed:
        touch_config(conn, org)
    if state == "active":
        conn.execute(
            update(hook_health)
            .where(hook_health.c.hook_id == id)
            .values(
                failures=0, first_failure_at=None, last_failure_at=None, warned=0,
                window_at=None, window_tries=0, window_failures=0, open_until=None,
                probe_until=None, open_seconds=0,
            )
        )  # fmt: skip
    return changed > 0


def rotated(hook: Hook, fresh: str, *, overlap: timedelta, now: datetime) -> Hook:
    """The hook with a new secret; the old ones sign beside it until the overlap ends. Raises
    Conflict for one old secret too many."""
    until = now + overlap
    old = [
        Secret(value=one.value, until=min(one.until or until, until))
        for one in hook.secrets
        if one.until is None or one.until > now
    ]
    old = [one for one in old if one.until is not None and one.until > now]
    if len(old) > MOST_OLD_SECRETS:
        raise Conflict(f"{MOST_OLD_SECRETS} old secrets still sign: wait until one has ended")
    return replace(hook, secrets=(Secret(value=fresh), *old), problem=None)


def next_sequences(conn: Connection, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The number of each message among those of its (hook, key), without a gap."""
    if not pairs:
        return []
    counts: dict[tuple[int, int], int] = {}
    for pair in pairs:
        counts[pair] = counts.get(pair, 0) + 1
    # In one order everywhere, or two chunks would wait for each other for ever.
    rows = [
        {"hook_id": hook, "okey": okey, "last": count}
        for (hook, okey), count in sorted(counts.items())
    ]
    found = add_rows(conn, hook_sequences, rows, by=("hook_id", "okey"), count="last")
    last = {(row.hook_id, row.okey): int(row.last) for row in found}
    given = {pair: last[pair] - count for pair, count in counts.items()}
    numbers = []
    for pair in pairs:
        given[pair] += 1
        numbers.append(given[pair])
    return numbers


_HOOK = select(hooks)


def _values(vault: Vault, hook: Hook) -> dict[str, Any]:
    secrets = [{"value": one.value, "until": one.until} for one in hook.secrets]
    held = {"secrets": secrets, "headers": dict(hook.headers)}
    schedule = hook.schedule
    return {
        "url": hook.url,
        "event": hook.event,
        "list_id": hook.list_id,
        "account_id": hook.account_id,
        "condition": hook.condition,
        "format": hook.format,
        "ordering": hook.ordering,
        "on_exhausted": hook.on_exhausted,
        "schedule": None if schedule is None else [one.total_seconds() for one in schedule],
        "max_per_second": hook.max_per_second,
        "max_in_flight": hook.max_in_flight,
        "timeout": hook.timeout,
        "handshake": hook.handshake,
        # The address belongs to what is bound: a row copied to another organization does not open.
        "sealed": vault.seal(held, bound_to=bound_to(hook.org, hook.url)),
        "is_rest": hook.is_rest,
        "made_by": hook.made_by,
        "state": hook.state,
        "reason": hook.reason,
    }


def _read(row: Any, vault: Vault) -> Hook:
    problem = None
    held: Mapping[str, Any]
    try:
        held = vault.open(row.sealed, bound_to=bound_to(row.org_id, row.url))
    except Sealed as error:
        # One hook's damage must not stop its organization.
        held, problem = {"headers": {}, "secrets": []}, str(error)
    return Hook(
        id=row.id,
        org=row.org_id,
        url=row.url,
        event=row.event,
        list_id=row.list_id,
        account_id=row.account_id,
        condition=row.condition,
        format=row.format,
        ordering=row.ordering,
        on_exhausted=row.on_exhausted,
        schedule=None
        if row.schedule is None
        else tuple(timedelta(seconds=float(one)) for one in row.schedule),
        max_per_second=row.max_per_second,
        max_in_flight=row.max_in_flight,
        timeout=row.timeout,
        handshake=row.handshake,
        headers=held["headers"],
        secrets=tuple(Secret(**one) for one in held["secrets"]),
        problem=problem,
        is_rest=row.is_rest,
        made_by=row.made_by,
        state=row.state,
        reason=row.reason,
        created_at=row.created_at,
    )


def bound_to(org: int, url: str) -> str:
    """What a hook's envelope is bound to."""
    return f"hook:{org}:{url}"
