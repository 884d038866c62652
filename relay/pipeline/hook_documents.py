"""Hooks and orders as documents, for `/api/v1`, the command line and the dashboard."""

from datetime import datetime
from typing import Any

from relay.core.catalogue import EventType
from relay.core.health import Health
from relay.core.hook import Hook
from relay.core.ids import public
from relay.pipeline.plain import address, plain, time
from relay.pipeline.subscribe import scheme_of
from relay.storage.redeliveries import Order

Document = dict[str, Any]


def hook(row: Hook, health: Health | None, now: datetime) -> Document:
    """A hook without what signs; its own headers by name alone."""
    return {
        "id": public("hook", row.id),
        "target_url": address(row.url),
        "event": row.event,
        "filter": {
            name: value
            for name, value in (
                ("list_id", row.list_id),
                ("account_id", row.account_id),
                ("condition", row.condition),
            )
            if value is not None
        },
        "format": row.format,
        "ordering": row.ordering,
        "on_exhausted": row.on_exhausted,
        "schedule": _schedule(row),
        "max_per_second": row.max_per_second,
        "max_in_flight": row.max_in_flight,
        "timeout": row.timeout,
        "handshake": row.handshake,
        "headers": sorted(row.headers),
        "scheme": scheme_of(row),
        "secrets": len(row.keys(now)),
        "state": row.state,
        "reason": row.reason,
        "made_by": row.made_by,
        "created_at": time(row.created_at),
        "health": None if health is None else _health(health, now),
    }


def _schedule(row: Hook) -> list[float] | str | None:
    if row.schedule is None:
        return None
    return [one.total_seconds() for one in row.schedule] or "none"


def _health(one: Health, now: datetime) -> Document:
    return {
        "failures": one.failures,
        "last_success_at": time(one.last_success_at),
        "last_failure_at": time(one.last_failure_at),
        "paused_until": time(one.open_until) if one.is_open(now) else None,
    }


def event_type(one: EventType) -> Document:
    """A type of the catalogue."""
    return {
        "type": one.type,
        "about": one.about,
        "origin": one.origin,
        "schema": plain(one.schema),
        "example": plain(one.example),
    }


def order(one: Order) -> Document:
    """An order to send again, with how far it has come."""
    return {
        "id": public("rdl", one.id),
        "kind": one.kind,
        "hook_id": None if one.hook_id is None else public("hook", one.hook_id),
        "wanted": plain(one.wanted),
        "by": one.by,
        "state": one.state,
        "queued": one.queued,
        "outcomes": dict(one.outcomes),
        "created_at": time(one.created_at),
        "ended_at": time(one.ended_at),
    }
