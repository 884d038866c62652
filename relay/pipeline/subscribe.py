"""What people and programs arrange about hooks, from wherever they do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import Connection

from relay import standard_webhooks
from relay.core import hook as hooks
from relay.core.catalogue import CATALOGUE
from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.core.hook import Hook, Secret
from relay.core.ids import public
from relay.core.targets import check_url
from relay.pipeline.catalogue import types_of
from relay.pipeline.crm_lists import all_lists
from relay.pipeline.handshake import granted
from relay.pipeline.notices import reachable
from relay.pipeline.operational import News, report
from relay.queue import DELIVER
from relay.runtime import Runtime
from relay.storage import deliveries, identity, sends
from relay.storage import hooks as stored
from relay.storage.deliveries import target_key
from rules.engine import RuleError, readable

ZAPIER = "hooks.zapier.com"
ZAPIER_PER_SECOND = 25.0  # its ceiling is 30 for all hooks of a user
SCHEMES = ("hmac", "ed25519")
_SECONDS = (1.0, 30.0)
IN_FLIGHT = (1, 500)
_PER_SECOND = (0.01, 10_000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHook:
    """A hook as somebody asks for it. `scheme` says what signs: hmac or ed25519."""

    url: str
    event: str
    list_id: str | None = None
    account_id: str | None = None
    condition: str | None = None
    format: str = "flat"
    ordering: str = "none"
    on_exhausted: str = "skip"
    schedule: Sequence[float] | str | None = None
    max_per_second: float | None = None
    max_in_flight: int | None = None
    timeout: float = 15.0
    handshake: str = "none"
    headers: Mapping[str, str] | None = None
    scheme: str = "hmac"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """The hook; `secret` verifies its signatures and is shown this once."""

    hook: Hook
    secret: str | None
    is_new: bool


def subscribe(
    runtime: Runtime, org: int, new: NewHook, *, by: str, is_rest: bool = False
) -> Subscribed:
    """A new hook; the same address, event and filter again is the same hook, which goes on where
    it had been disabled. Raises InvalidInput, or Conflict at the limit."""
    now = runtime.clock.now()
    if new.handshake == "cloudevents":
        new = replace(new, max_per_second=agreed(runtime, org, new.url, new.max_per_second))
    wake: list[int] = []
    with runtime.db.write() as conn:
        wanted = _checked(runtime, conn, org, new, by=by, is_rest=is_rest)
        hook, is_new = stored.create_hook(conn, runtime.vault, wanted, now)
        name = public("hook", hook.id)
        if is_new:
            after = {"url": hook.url, "event": hook.event}
            identity.audit(conn, org, by, "hook created", name, after=after, at=now)
        elif hook.state == "disabled":
            stored.set_hook_state(conn, org, hook.id, "active", None)
            hook = replace(hook, state="active", reason=None)
            wake = _enabled(runtime, conn, hook, by=by, now=now)
    runtime.queue.wake(DELIVER, wake)
    return Subscribed(hook=hook, secret=verifier(hook) if is_new else None, is_new=is_new)


def agreed(runtime: Runtime, org: int, url: str, wanted: float | None) -> float | None:
    """How often an address agrees to be told. Raises InvalidInput, or Conflict where a test
    organization may not ask it."""
    check_url(url, runtime.outward)
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, org)
    if not reachable(setup, runtime.outward, url):
        raise Conflict("a test organization reaches allowed addresses only: see RELAY_EGRESS_ALLOW")
    return granted(runtime, url, wanted)


def _checked(
    runtime: Runtime, conn: Connection, org: int, new: NewHook, *, by: str, is_rest: bool
) -> Hook:
    check_url(new.url, runtime.outward)
    check_event(runtime, conn, org, new.event)
    secret = new_secret(new.scheme)
    host = (urlsplit(new.url).hostname or "").removesuffix(".")
    zapier = host == ZAPIER or host.endswith(f".{ZAPIER}")
    hook = Hook(
        id=0,
        org=org,
        url=new.url,
        event=new.event,
        list_id=_list(runtime, conn, org, new.list_id),
        account_id=new.account_id or None,
        condition=_condition(new.condition),
        headers=hooks.check_headers(new.headers or {}),
        secrets=(Secret(value=secret),),
        is_rest=is_rest,
        made_by=by,
        max_per_second=new.max_per_second or (ZAPIER_PER_SECOND if zapier else None),
        format=new.format,
        ordering=new.ordering,
        on_exhausted=new.on_exhausted,
        schedule=_schedule(new.schedule),
        max_in_flight=new.max_in_flight,
        timeout=new.timeout,
        handshake=new.handshake,
    )
    _check_limits(hook)
    return hook


def _schedule(given: Sequence[float] | str | None) -> tuple[timedelta, ...] | None:
    steps = hooks.check_schedule(given)
    return None if steps is None else tuple(timedelta(seconds=one) for one in steps)


def _check_limits(hook: Hook) -> None:
    for name, value, known in (
        ("format", hook.format, hooks.FORMATS),
        ("ordering", hook.ordering, hooks.ORDERINGS),
        ("on_exhausted", hook.on_exhausted, hooks.ON_EXHAUSTED),
        ("handshake", hook.handshake, hooks.HANDSHAKES),
    ):
        if value not in known:
            raise InvalidInput(f"{name} is {' or '.join(known)}", {name: [f"not {value!r}"]})
    for name, number, (least, most) in (
        ("timeout", hook.timeout, _SECONDS),
        ("max_in_flight", hook.max_in_flight, IN_FLIGHT),
        ("max_per_second", hook.max_per_second, _PER_SECOND),
    ):
        if number is not None and not least <= number <= most:
            raise InvalidInput(f"{name} is {least:g} to {most:g}", {name: ["is out of range"]})


def check_event(runtime: Runtime, conn: Connection, org: int, event: str) -> None:
    """Raises InvalidInput for an event that never happens here."""
    known = types_of(runtime.setups.of(conn, org))
    if event == "*" or event in known:
        return
    stem = event.removesuffix("*")
    if event.endswith(".*") and any(type.startswith(stem) for type in known):
        return
    raise InvalidInput(
        f"there is no event {event!r} here; GET /api/v1/hooks/events lists them",
        {"event": ["is unknown"]},
    )


def _list(runtime: Runtime, conn: Connection, org: int, ref: str | None) -> str | None:
    return None if not ref else all_lists(runtime, conn, org).called(ref).id


def _condition(text: str | None) -> str | None:
    if not text or not text.strip():
        return None
    try:
        readable(text)
    except RuleError as error:
        raise InvalidInput(f"the condition cannot be read: {error}") from error
    return text.strip()


def new_secret(scheme: str) -> str:
    """Raises InvalidInput."""
    if scheme not in SCHEMES:
        raise InvalidInput(f"scheme is {' or '.join(SCHEMES)}", {"scheme": [f"not {scheme!r}"]})
    if scheme == "ed25519":
        return standard_webhooks.new_key_pair()[0]
    return standard_webhooks.new_secret()


def scheme_of(hook: Hook) -> str:
    """What signs its messages now."""
    newest = hook.secrets[0].value if hook.secrets else ""
    return "ed25519" if newest.startswith("whsk_") else "hmac"


def verifier(hook: Hook) -> str:
    """What a receiver checks signatures with: the shared secret, or the public key."""
    newest = hook.secrets[0].value
    return standard_webhooks.public_key(newest) if scheme_of(hook) == "ed25519" else newest


def hook_called(runtime: Runtime, conn: Connection, org: int, ref: str) -> Hook:
    """By id (`hook_3`). Raises NotFound."""
    return stored.hook_called(conn, runtime.vault, org, ref)


def unsubscribe(runtime: Runtime, org: int, ref: str, *, by: str) -> bool:
    """Whether the hook was there. From now on nothing is sent to it; a request in flight may
    finish."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        try:
            hook = hook_called(runtime, conn, org, ref)
        except NotFound:
            return False
        stored.delete_hook(conn, org, hook.id)
        gone = sends.forget(runtime.db, conn, target_key("hook", hook.id))
        deliveries.cancel(conn, org, hook.id, gone, "its hook was deleted", now)
        before = {"url": hook.url, "event": hook.event}
        identity.audit(conn, org, by, "hook deleted", ref, before=before, at=now)
    return True


def with_url(runtime: Runtime, org: int, url: str) -> list[Hook]:
    """The hooks that send to an address."""
    with runtime.db.read() as conn:
        return [hook for hook in stored.all_hooks(conn, runtime.vault, org) if hook.url == url]


def change(
    runtime: Runtime, org: int, ref: str, given: Mapping[str, object], *, by: str
) -> Hook:  # fmt: skip
    """Sets what is given of url, condition, headers, schedule and limits. Raises InvalidInput,
    NotFound, or Conflict where it would become another's twin."""
    now = runtime.clock.now()
    given = _asked_again(runtime, org, ref, given)
    with runtime.db.write() as conn:
        hook = hook_called(runtime, conn, org, ref)
        changed = _changed(runtime, hook, dict(given))
        _check_limits(changed)
        stored.save_hook(conn, runtime.vault, changed)
        names = ", ".join(sorted(given))
        identity.audit(conn, org, by, "hook changed", ref, after={"changed": names}, at=now)
    return changed


def _asked_again(
    runtime: Runtime, org: int, ref: str, given: Mapping[str, object]
) -> Mapping[str, object]:
    """Another address has to agree as the first one did; so has the same one to another rate."""
    with runtime.db.read() as conn:
        hook = hook_called(runtime, conn, org, ref)
    if hook.handshake != "cloudevents" or not {"url", "max_per_second"} & set(given):
        return given
    changed = _changed(runtime, hook, dict(given))
    rate = agreed(runtime, org, changed.url, changed.max_per_second)
    return {**given, "max_per_second": rate}


def _changed(runtime: Runtime, hook: Hook, given: dict[str, object]) -> Hook:
    values: dict[str, object] = {}
    for name, value in given.items():
        match name:
            case "url":
                check_url(str(value), runtime.outward)
                values[name] = value
            case "condition":
                values[name] = _condition(None if value is None else str(value))
            case "headers":
                values[name] = hooks.check_headers(value or {})  # type: ignore[arg-type]  # the schema's map of texts
            case "schedule":
                values[name] = _schedule(value)  # type: ignore[arg-type]  # numbers or `none`
            case _:
                values[name] = value
    return replace(hook, **values)  # type: ignore[arg-type]  # names and types are the schema's


def set_state(runtime: Runtime, org: int, ref: str, state: str, *, by: str) -> Hook:
    """Pauses a hook or sets it going: while it is not active, what it would have been told is
    held. Nothing that was held is sent by itself: see `redeliver.recover`."""
    now = runtime.clock.now()
    wake: list[int] = []
    with runtime.db.write() as conn:
        hook = hook_called(runtime, conn, org, ref)
        reason = None if state == "active" else f"paused by {by}"
        if stored.set_hook_state(conn, org, hook.id, state, reason):
            if state == "active":
                wake = _enabled(runtime, conn, hook, by=by, now=now)
            else:
                identity.audit(conn, org, by, "hook paused", ref, at=now)
    runtime.queue.wake(DELIVER, wake)
    return replace(hook, state=state, reason=reason)


def _enabled(
    runtime: Runtime, conn: Connection, hook: Hook, *, by: str, now: datetime
) -> list[int]:  # fmt: skip
    identity.audit(conn, hook.org, by, "hook enabled", public("hook", hook.id), at=now)
    setups = runtime.setups.of_all(conn, [hook.org])
    news = News(type="endpoint.enabled", hook=hook, reason=f"by {by}")
    return report(runtime, conn, setups, news, now=now)


def rotate(
    runtime: Runtime,
    org: int,
    ref: str,
    *,
    by: str,
    overlap: timedelta = hooks.OVERLAP,
    scheme: str | None = None,
) -> tuple[Hook, str]:
    """A new secret, shown this once; the old one signs beside it until the overlap ends. Raises
    InvalidInput or Conflict."""
    if not timedelta(0) <= overlap <= hooks.LONGEST_OVERLAP:
        raise InvalidInput("the old secret may go on for 0 seconds to 7 days")
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        hook = hook_called(runtime, conn, org, ref)
        fresh = new_secret(scheme or scheme_of(hook))
        hook = stored.rotated(hook, fresh, overlap=overlap, now=now)
        stored.save_hook(conn, runtime.vault, hook)
        identity.audit(conn, org, by, "hook secret rotated", ref, at=now)
        setups = runtime.setups.of_all(conn, [org])
        news = News(type="endpoint.secret_rotated", hook=hook, reason=f"by {by}")
        wake = report(runtime, conn, setups, news, now=now)
    runtime.queue.wake(DELIVER, wake)
    return hook, verifier(hook)


def about(event: str) -> str:
    """What a type tells, in a sentence."""
    return CATALOGUE[event].about if event in CATALOGUE else "An event that a rule emits."
