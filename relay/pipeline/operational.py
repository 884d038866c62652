"""Events about hooks, sources and rules: kept as events, and told to the hooks that ask for them by
name.

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
    message_id: str | None = None
    message_type: str | None = None
    reason: str | None = None
    last_status: int | None = None
    last_response: str | None = None
    last_error: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What happened to anything of an organization's own: `about` names it, `page` is where a
    person finds it, `data` what is told beside."""

    type: str
    org: int
    about: str
    page: str
    reason: str | None
    data: Mapping[str, object]


def report(
    runtime: Runtime, conn: Connection, setups: Mapping[int, Setup], news: News, *, now: datetime
) -> list[int]:
    """Keeps it as an event; gives the deliveries that are to be woken. What is only said of single
    messages is kept where somebody listens."""
    hook = news.hook
    heard = bool(setups[hook.org].hooks.hearing(news.type))
    if is_operational(hook.event) or (news.type.startswith("message.") and not heard):
        return []
    name = public("hook", hook.id)
    data = {
        "hook_id": name,
        "url": address(hook.url),
        "event": hook.event,
        "message_id": news.message_id,
        "message_type": news.message_type,
        "last_status": news.last_status,
        "last_response": news.last_response,
        "last_error": news.last_error,
        "count": news.count,
    }
    word = Word(
        type=news.type,
        org=hook.org,
        about=name,
        page=f"/hooks/{name}",
        reason=news.reason,
        data=data,
    )
    return say(runtime, conn, setups, word, now=now)


def say(
    runtime: Runtime, conn: Connection, setups: Mapping[int, Setup], word: Word, *, now: datetime
) -> list[int]:
    """Keeps it as an event; gives the deliveries that are to be woken."""
    (id,) = next_ids(conn, events, 1)
    data = {
        "id": public("evt", id),
        **word.data,
        "reason": word.reason,
        "link": f"{runtime.settings.base_url}{word.page}",
        "at": time(now),
    }
    heard = bool(setups[word.org].hooks.hearing(word.type))
    row = {
        "id": id,
        "org_id": word.org,
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
    fact = {"event_id": id, "type": word.type, "data": data, "body": None, "occurred_at": now}
    stored.insert_facts(conn, [fact])
    outcome = {
        "event_id": id,
        "org_id": word.org,
        "state": "routed" if heard else "no_rule",
        "type": word.type,
        "about": word.about,
        "item_id": None,
        "reason": word.reason,
        "at": now,
    }
    stored.insert_outcomes(conn, [outcome])
    happening = of_operational(org=word.org, event=id, type=word.type, at=now, data=data)
    return list(tell(runtime, conn, setups, [happening], now=now).due)
