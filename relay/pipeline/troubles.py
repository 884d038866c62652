"""People are told once an hour of what does not work, for each rule and cause, with how often; and
once when it works again. Whom: the rule's `notify`, else its owner; for connections their setting
`notify`, for them without it, for rule sets and for hooks that were disabled the organization's
owners."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection

from relay.core import ids, options
from relay.core.causes import cause
from relay.core.errors import InvalidInput, NotFound
from relay.core.quiet import is_quiet
from relay.pipeline import mails
from relay.pipeline.execution import Execution
from relay.pipeline.misfit import no_longer_fit
from relay.pipeline.notices import CAPTURED, reachable
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import identity, rulesets, work
from relay.storage import troubles as stored
from relay.storage.deliveries import NewDelivery, insert_delivery, target_key
from relay.storage.members import owners_of
from relay.storage.rulesets import LIVE
from relay.storage.troubles import Trouble
from relay.storage.work import Kind, NewWork

HOUR = timedelta(hours=1)
NOTIFY = "notify"  # a connection's setting
CHANNEL, EMAIL, OWNER = "channel:", "email:", "owner"


def note(runtime: Runtime, conn: Connection, failed: Iterable[Execution], now: datetime) -> None:
    """Runs that have failed, in the transaction that says so."""
    for execution in failed:
        rule, message = execution.rule, execution.reason or "it failed"
        recipients = _recipients(rule.notify or ((OWNER,) if rule.owner else ()), rule.owner)
        if not recipients:
            continue
        trouble = _trouble(execution.org, "rule", rule.id, message, recipients, now, execution.run)
        _began(runtime, conn, execution.setup, trouble, now)


def _began(
    runtime: Runtime, conn: Connection, setup: Setup, trouble: Trouble, now: datetime
) -> None:
    """Tells of it where it is the first of its cause; in quiet hours, when they are over."""
    if _is_quiet(setup, now):
        stored.note(conn, replace(trouble, untold=1, told_at=stored.NEVER))
    elif stored.note(conn, trouble):
        _tell(runtime, conn, setup, trouble, now, times=1)


def _is_quiet(setup: Setup, now: datetime) -> bool:
    whose = setup.organization
    return is_quiet(whose.quiet_hours, whose.time_zone, now)


def sweep(runtime: Runtime) -> None:
    """Tells of what went on, of what stands still by itself, and of what works again."""
    now = runtime.clock.now()
    with runtime.db.read() as conn:
        found = [
            *stored.stopped_connections(conn),
            *stored.stale_sets(conn),
            *stored.disabled_hooks(conn),
        ]
        if not found and not stored.any_standing(conn):
            return
    with runtime.db.write() as conn:
        stands = _note_standing(runtime, conn, now)
        for one in stored.untold(conn, now - HOUR):
            setup = runtime.setups.of(conn, one.org)
            if not _is_quiet(setup, now) and not (
                one.was_never_told and _works_again(conn, [one], stands)
            ):
                is_first = one.was_never_told and one.kind != "rule"
                _tell(runtime, conn, setup, one, now, times=1 if is_first else one.untold)
                stored.told(conn, one, now)
        for key, causes in _by_subject(stored.standing(conn)).items():
            org, kind, ref = key
            setup = runtime.setups.of(conn, org)
            if _works_again(conn, causes, stands) and not _is_quiet(setup, now):
                # What began and ended while nobody was to be told is nobody's news.
                if known := [one for one in causes if not one.was_never_told]:
                    _tell_of_end(runtime, conn, setup, known, now)
                stored.over(conn, org, kind, ref)


def _note_standing(runtime: Runtime, conn: Connection, now: datetime) -> set[tuple[int, str, str]]:
    """What a person has to mend, whether or not a run was stopped by it."""
    found = []
    for row in stored.stopped_connections(conn):
        message = row.reason or "it has to be connected again"
        whom = _whom(conn, row.org_id, options.texts(row.settings, NOTIFY))
        found.append(_trouble(row.org_id, "connection", row.name, message, whom, now))
    for row in stored.stale_sets(conn):
        one = row.findings[0]
        message = f"{one['path']}:{one['line']}:{one['column']}: {one['message']}"
        found.append(
            _trouble(row.org_id, "rules", row.about, message, _whom(conn, row.org_id), now)
        )
    for row in stored.disabled_hooks(conn):
        name, message = ids.public("hook", row.id), row.reason or "it is disabled"
        whom = _whom(conn, row.org_id)
        found.append(_trouble(row.org_id, "hook", name, message, whom, now))
    for trouble in found:
        if trouble.recipients:
            _began(runtime, conn, runtime.setups.of(conn, trouble.org), trouble, now)
    return {(one.org, one.kind, one.ref) for one in found}


def _works_again(
    conn: Connection, causes: Sequence[Trouble], stands: set[tuple[int, str, str]]
) -> bool:
    one = causes[0]
    if one.kind != "rule":
        return (one.org, one.kind, one.ref) not in stands
    last = max((cause.run or 0 for cause in causes), default=0)
    return stored.has_succeeded(conn, one.org, one.ref, last)


def _by_subject(standing: Iterable[Trouble]) -> dict[tuple[int, str, str], list[Trouble]]:
    found: dict[tuple[int, str, str], list[Trouble]] = {}
    for one in standing:
        found.setdefault((one.org, one.kind, one.ref), []).append(one)
    return found


def _trouble(
    org: int, kind: str, ref: str, message: str, recipients: Sequence[str], now: datetime,
    run: int | None = None,
) -> Trouble:  # fmt: skip
    # A standing trouble is one, whatever is said of it.
    which = cause(message) if kind == "rule" else kind
    return Trouble(
        org=org, kind=kind, ref=ref, cause=which, message=message, recipients=recipients, run=run,
        untold=0, since=now, told_at=now,
    )  # fmt: skip


def _whom(conn: Connection, org: int, notify: Sequence[str] = ()) -> list[str]:
    """For what is no rule's: the organization's owners, unless somebody else is named."""
    owners = [f"{EMAIL}{email}" for email in owners_of(conn, org)]
    named = [owners if one == OWNER else [one] for one in notify or (OWNER,)]
    return list(dict.fromkeys(who for some in named for who in some))


def try_out(runtime: Runtime, org: int, recipient: str, *, by: str) -> None:
    """A notice that tells of nothing, to see whether it arrives: `email:…` or `channel:…`. Raises
    InvalidInput, and NotFound for a channel that is not there."""
    now = runtime.clock.now()
    kind, _, name = recipient.partition(":")
    with runtime.db.write() as conn:
        setup = runtime.setups.of(conn, org)
        if kind not in {"email", "channel"} or not name:
            raise InvalidInput(f"{recipient!r} is nobody to tell: email:ADDRESS or channel:NAME")
        if kind == "channel" and name not in setup.targets:
            raise NotFound(f"there is no channel {name!r}: relay target list")
        link = f"{runtime.settings.base_url}/settings"
        said = f"{by} tries out whether notices arrive. Nothing is wrong."
        one = _trouble(org, "test", recipient, said, [recipient], now)
        message = {
            "type": "trouble.test", "kind": "test", "name": recipient, "message": said,
            "url": link, "text": f"A test notice: {said} {link}",
        }  # fmt: skip
        _send(runtime, conn, setup, one, ("A test notice", f"{said}\n\n{link}\n"), message, now)
        identity.audit(conn, org, by, "notice tried out", recipient, at=now)


def _recipients(notify: Sequence[str], owner: str | None) -> list[str]:
    found = [f"{EMAIL}{owner}" if one == OWNER and owner else one for one in notify]
    return [one for one in dict.fromkeys(found) if one != OWNER]


# --- what is said --------------------------------------------------------------------------------


def _tell(
    runtime: Runtime, conn: Connection, setup: Setup, one: Trouble, now: datetime, *, times: int
) -> None:
    often = "" if times == 1 else f" {times} times"
    subject = f"{_name(setup, one)} failed{often}" if one.kind == "rule" else _stopped(conn, one)
    link = _link(runtime, one, times)
    body = f"{one.message}\n\n{link}\n\nSince {one.since:%Y-%m-%d %H:%M} UTC.\n"
    message = {
        "type": "trouble.began" if times == 1 else "trouble.went_on",
        "kind": one.kind,
        "name": one.ref,
        "message": one.message,
        "count": times,
        "since": one.since.isoformat(),
        "url": link,
        "text": f"{subject}: {one.message} {link}",
    }
    _send(runtime, conn, setup, one, (subject, body), message, now)


def _tell_of_end(
    runtime: Runtime, conn: Connection, setup: Setup, causes: Sequence[Trouble], now: datetime
) -> None:
    one = min(causes, key=lambda cause: cause.since)
    subject = f"{_name(setup, one)} {_ended(one)}"
    link = _link(runtime, one, 1)
    body = f"It did not since {one.since:%Y-%m-%d %H:%M} UTC: {one.message}\n\n{link}\n"
    message = {
        "type": "trouble.ended", "kind": one.kind, "name": one.ref, "message": one.message,
        "since": one.since.isoformat(), "url": link, "text": f"{subject} {link}",
    }  # fmt: skip
    everybody = dict.fromkeys(who for cause in causes for who in cause.recipients)
    for_all = _trouble(one.org, one.kind, one.ref, one.message, list(everybody), one.since, one.run)
    _send(runtime, conn, setup, for_all, (subject, body), message, now)


def _ended(one: Trouble) -> str:
    if one.kind == "hook":  # it may be deleted
        return "is no longer disabled"
    return "fit again" if one.ref == LIVE else "works again"


def _name(setup: Setup, one: Trouble) -> str:
    if one.kind == "hook":
        return f"The hook {one.ref}"
    if one.kind == "connection":
        return f"The connection {one.ref}"
    if one.kind == "rules":
        return "The live rules" if one.ref == LIVE else "The set of rules"
    rule = setup.rules.by_id.get(one.ref)
    return (rule.name if rule else "") or one.ref


def _stopped(conn: Connection, one: Trouble) -> str:
    if one.kind == "connection":
        return f"The connection {one.ref} has to be connected again"
    if one.kind == "hook":
        return f"The hook {one.ref} was disabled; what it would be told is held"
    if one.ref == LIVE:
        return no_longer_fit(rulesets.findings_of(conn, one.org).live)
    return "The last rules were refused; those before them are live"


def _link(runtime: Runtime, one: Trouble, times: int) -> str:
    base = runtime.settings.base_url
    if one.kind == "connection":
        return f"{base}/connections"
    if one.kind == "hook":
        return f"{base}/hooks/{one.ref}"
    if one.kind == "rules" or one.run is None:
        return f"{base}/rules"
    return (
        f"{base}/runs/{ids.public('run', one.run)}"
        if times == 1
        else f"{base}/runs?state=failed&rule={one.ref}"
    )


def _send(
    runtime: Runtime, conn: Connection, setup: Setup, one: Trouble, mail: tuple[str, str],
    message: dict[str, Any], now: datetime,
) -> None:  # fmt: skip
    key = ids.digest("notice", str(one.org), one.kind, one.ref, one.cause, now.isoformat())
    for recipient in one.recipients:
        if recipient.startswith(EMAIL):
            mails.write(runtime, conn, setup, recipient.removeprefix(EMAIL), *mail, now)
        elif recipient.startswith(CHANNEL):
            name = recipient.removeprefix(CHANNEL)
            _to_channel(runtime, conn, setup, name, {**message, "id": key}, now)


def _to_channel(
    runtime: Runtime, conn: Connection, setup: Setup, name: str, message: dict[str, Any],
    now: datetime,
) -> None:  # fmt: skip
    """A delivery to the target of that name: signed and tried again as all are."""
    target = setup.targets.get(name)
    if target is None:
        return  # it was taken away; the lint says so
    key = ids.digest(str(message["id"]), name)
    captured = not reachable(setup, runtime.outward, target.url)
    delivery = insert_delivery(
        conn,
        NewDelivery(
            org=setup.organization.id,
            dkey=f"notice:{key}",
            target_kind="target",
            target_id=target.id,
            message_id=f"msg_{key.lower()}",
            type=str(message["type"]),
            url=target.url,
            headers={"content-type": "application/json"},
            body=orjson.dumps(message),
            state="captured" if captured else "pending",
            reason=CAPTURED if captured else None,
        ),
        now,
    )
    if not captured:
        whom = target_key("target", target.id)
        row = NewWork(id=delivery, org=setup.organization.id, target=whom)
        work.add(runtime.db, conn, Kind.DELIVERY, [row])
