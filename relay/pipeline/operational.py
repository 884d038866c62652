"""Events about hooks themselves: kept as events, and told to the hooks that ask for them by name.

They never feed themselves: a hook that hears of such events is never told about itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from relay.core.hook import Hook, is_operational
from relay.core.ids import public
from relay.pipeline.happenings import of_operational
from relay.pipeline.plain import address, time
from relay.pipeline.tell import tell
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored
from relay.storage.numbers import next_ids
from relay.storage.tables.events import events


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened to a hook, or to messages for it."""

    type: str
    hook: Hook
    reason: str | None = None
    last_status: int | None = None
    last_error: str | None = None
    count: int | None = None


def report(
    runtime: Runtime, conn: Connection, setups: Mapping[int, Setup], news: News, *, now: datetime
) -> list[int]:
    """Keeps it as an event; gives the deliveries that are to be woken. What is only said of single
    messages is kept where somebody listens."""
    setup = setups[news.hook.org]
    heard = bool(setup.hooks.hearing(news.type))
    if is_operational(news.hook.event) or (news.type.startswith("message.") and not heard):
        return []
    (id,) = next_ids(conn, events, 1)
    data = _data(runtime, news, id, now)
    row = {
        "id": id,
        "org_id": news.hook.org,
        "kind": "completion",
        "source_id": 0,
        "dkey": None,
        "okey": None,
        "state": "accepted",
        "parent_id": None,
        "depth": 0,
        "received_at": now,
    }
    stored.insert_events(runtime.db, conn, [row])
    fact = {"event_id": id, "type": news.type, "data": data, "body": None, "occurred_at": now}
    stored.insert_facts(conn, [fact])
    outcome = {
        "event_id": id,
        "org_id": news.hook.org,
        "state": "routed" if heard else "no_rule",
        "type": news.type,
        "about": public("hook", news.hook.id),
        "item_id": None,
        "reason": news.reason,
        "at": now,
    }
    stored.insert_outcomes(conn, [outcome])
    happening = of_operational(org=news.hook.org, event=id, type=news.type, at=now, data=data)
    return list(tell(runtime, conn, setups, [happening], now=now).due)


def _data(runtime: Runtime, news: News, event: int, now: datetime) -> dict[str, object]:
    hook = news.hook
    name = public("hook", hook.id)
    return {
        "id": public("evt", event),
        "hook_id": name,
        "url": address(hook.url),
        "event": hook.event,
        "reason": news.reason,
        "last_status": news.last_status,
        "last_error": news.last_error,
        "count": news.count,
        "link": f"{runtime.settings.base_url}/hooks/{name}",
        "at": time(now),
    }
