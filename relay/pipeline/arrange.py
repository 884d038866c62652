"""What people arrange about their sources, connections and targets, from wherever they do it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from relay import standard_webhooks
from relay.core import ids
from relay.core.errors import InvalidInput, NotFound
from relay.core.targets import check_url
from relay.integration import Source
from relay.mapping import compile_mapping, versions_of
from relay.pipeline import release, timetable, troubles
from relay.pipeline import rules as live
from relay.pipeline.connecting import http_for, opened
from relay.pipeline.crm_lists import all_lists, lists_of
from relay.pipeline.operational import Word, say
from relay.queue import DELIVER
from relay.runtime import Runtime
from relay.storage import connections, identity, mappings, members, sources, switches, watch
from relay.storage.connections import ConnectionRow, TargetRow
from relay.storage.sources import SourceRow
from relay.storage.targets import remove_target as remove_row
from relay.usual import usual_mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A source as somebody asks for it. `secret` is what the sender shows, where it has one.
    Without a mapping it gets the one that is right for most, into `list` where one is named, unless
    it is to be `unmapped`."""

    type: str
    name: str
    secret: str | None = None
    options: Mapping[str, object] | None = None
    mapping: Mapping[str, object] | None = None
    connection: str | None = None
    unmapped: bool = False
    list: str | None = None


def source_type(runtime: Runtime, name: str) -> Source:
    """Raises InvalidInput."""
    known = [key for key, one in runtime.integrations.items() if one.source is not None]
    found = runtime.integrations.get(name)
    if found is None or found.source is None:
        raise InvalidInput(f"there is no type of source {name!r}: {', '.join(known)}")
    return found.source


def create_source(
    runtime: Runtime, org: int, new: NewSource, *, by: str
) -> tuple[SourceRow, str | None]:
    """The source, and the secret we made for it, which is shown this once."""
    kind = source_type(runtime, new.type)
    _check_options(new.type, kind, new.options or {})
    made = kind.new_secret() if kind.secret == "generated" and not new.secret else None  # noqa: S105
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        mapping = new.mapping
        if mapping is None and not new.unmapped:
            known = lists_of(runtime, conn, org)
            into = known.called(new.list) if new.list else None
            mapping = usual_mapping(kind, known.lists, into)
        if mapping is not None:
            compile_mapping(0, new.name, mapping, runtime.verbs)
        row = sources.create_source(
            conn,
            runtime.vault,
            org,
            type=new.type,
            name=new.name.strip(),
            secret=made or new.secret or None,
            options=new.options,
            mapping=mapping,
            connection_id=_through(conn, org, new.type, new.connection),
            at=now,
        )
        keep_mapping(runtime, conn, row)
        live.relint(runtime, conn, org, may_break=False)
        identity.audit(conn, org, by, "source created", row.name, after={"type": row.type}, at=now)
    return row, made


def _check_options(type: str, kind: Source, options: Mapping[str, object]) -> None:
    unknown = sorted(set(options) - set(kind.settings))
    if unknown:
        known = ", ".join(kind.settings)
        raise InvalidInput(f"{type} has no option {unknown[0]!r}; it has {known}")


def _through(conn: Connection, org: int, type: str, named: str | None) -> int | None:
    """The connection that completes its events: the one named, else the only one of its kind."""
    if named is not None:
        found = connections.connection_named(conn, org, named)
        if found.provider != type:
            raise InvalidInput(f"{named} is a connection to {found.provider}, not to {type}")
        return found.id
    fitting = [row.id for row in connections.all_connections(conn, org) if row.provider == type]
    return fitting[0] if len(fitting) == 1 else None


def change_source(
    runtime: Runtime,
    org: int,
    ref: str,
    *,
    options: Mapping[str, object] | None = None,
    connection: str | None = None,
    by: str,
) -> SourceRow:
    """Options are set one by one, and None or empty text takes one away; a connection by its name.
    Raises InvalidInput."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        row = source_called(runtime, conn, org, ref)
        _check_options(row.type, source_type(runtime, row.type), options or {})
        merged = {**row.options, **(options or {})}
        kept = {name: value for name, value in merged.items() if value not in (None, "")}
        through = row.connection_id
        if connection is not None:
            through = _through(conn, org, row.type, connection)
        sources.set_options(conn, org, row.id, kept, through)
        identity.audit(
            conn, org, by, "source changed", row.name, before=row.options, after=kept, at=now
        )
        return source_called(runtime, conn, org, ref)


def source_called(runtime: Runtime, conn: Connection, org: int, ref: str) -> SourceRow:
    """By id (`src_3`) or name. Raises NotFound."""
    rows = sources.all_sources(conn, runtime.vault, org)
    found = [row for row in rows if ids.public("src", row.id) == ref or row.name == ref]
    if not found:
        raise NotFound(f"there is no source {ref!r} here")
    return found[0]


def rotate_source(
    runtime: Runtime, org: int, ref: str, secret: str | None, *, by: str
) -> tuple[SourceRow, str | None]:
    """A new secret, made here unless the sender has its own; the old one counts for a day more. A
    source whose secrets cannot be read gets a new address too, for that was lost with them."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        row = source_called(runtime, conn, org, ref)
        kind = source_type(runtime, row.type)
        made = kind.new_secret() if kind.secret == "generated" and not secret else None  # noqa: S105
        fresh = made or secret
        if row.problem is not None:
            row = sources.make_anew(conn, runtime.vault, row, fresh)
        elif not fresh:
            raise InvalidInput("give the secret that the sender shows")
        else:
            sources.rotate_secret(conn, runtime.vault, row, fresh, now=now)
        identity.audit(conn, org, by, "source secret rotated", row.name, at=now)
    return row, made


def set_source_mapping(
    runtime: Runtime, org: int, ref: str, mapping: Mapping[str, object] | None, *, by: str
) -> SourceRow:
    """Where its fields go from now on; None: nowhere. Raises InvalidInput."""
    with runtime.db.write() as conn:
        row = source_called(runtime, conn, org, ref)
        if mapping is not None:
            compile_mapping(row.id, row.name, mapping, runtime.verbs)
        # As this Relay carries it out, which may be another one than made it.
        keep_mapping(runtime, conn, row)
        sources.set_mapping(conn, org, row.id, mapping)
        now = runtime.clock.now()
        identity.audit(conn, org, by, "source mapped", row.name,
                       before=row.mapping, after=mapping, at=now)  # fmt: skip
        changed = source_called(runtime, conn, org, ref)
        keep_mapping(runtime, conn, changed)
        return changed


def keep_mapping(runtime: Runtime, conn: Connection, row: SourceRow) -> None:
    """Keeps what its mapping says now, for the runs that begin with it."""
    versions = versions_of(row.id, row.name, row.mapping, runtime.verbs)
    mappings.keep_mapping(conn, row.org, row.id, versions)


def pause_source(runtime: Runtime, org: int, ref: str, *, paused: bool, by: str) -> SourceRow:
    """Its senders are told to come again (503) until it goes on."""
    state, reason = ("paused", f"paused by {by}") if paused else ("active", None)
    with runtime.db.write() as conn:
        row = source_called(runtime, conn, org, ref)
        sources.set_state(conn, org, row.id, state, reason)
        action = "source paused" if paused else "source goes on"
        identity.audit(conn, org, by, action, row.name, at=runtime.clock.now())
        return source_called(runtime, conn, org, ref)


def connection_called(conn: Connection, org: int, ref: str) -> ConnectionRow:
    """By id (`con_3`) or name. Raises NotFound."""
    rows = connections.all_connections(conn, org)
    found = [row for row in rows if ids.public("con", row.id) == ref or row.name == ref]
    if not found:
        raise NotFound(f"there is no connection {ref!r} here")
    return found[0]


def pause_connection(
    runtime: Runtime, org: int, ref: str, *, paused: bool, by: str
) -> tuple[ConnectionRow, int]:
    """The connection, and how many runs that waited for it go on."""
    state, reason = ("paused", f"paused by {by}") if paused else ("active", None)
    with runtime.db.write() as conn:
        row = connection_called(conn, org, ref)
        connections.set_connection_state(conn, org, row.id, state, reason)
        freed = [] if paused else release.of_connection(conn, runtime, org, row.id)
        action = "connection paused" if paused else "connection goes on"
        identity.audit(conn, org, by, action, row.name, at=runtime.clock.now())
        row = connection_called(conn, org, ref)
    release.wake(runtime, freed)
    return row, len(freed)


def try_connection(runtime: Runtime, org: int, ref: str) -> str:
    """What the provider calls the account; the lists of a CRM elsewhere are read again soon. Raises
    RemoteError's children."""
    with runtime.db.read() as conn:
        row = connection_called(conn, org, ref)
    told = asyncio.run(_tried(runtime, row))
    with runtime.db.write() as conn:
        watch.redefine(conn, row.id)
    return told


async def _tried(runtime: Runtime, row: ConnectionRow) -> str:
    connector = runtime.integrations[row.provider].connector
    if connector is None:
        raise InvalidInput(f"{row.provider} has nothing to test")
    try:
        return await connector.test(
            opened(runtime, row), http_for(runtime, row), runtime.clock.now()
        )
    finally:
        # The loop ends with this call, and its connections with it.
        await runtime.http.aclose()


def add_target(
    runtime: Runtime, org: int, name: str, url: str, *, by: str
) -> tuple[TargetRow, str]:
    """The target, and the secret that signs what is sent there, shown this once."""
    if not name.strip():
        raise InvalidInput("a target needs a name", {"name": ["is empty"]})
    check_url(url, runtime.outward)
    secret, now = standard_webhooks.new_secret(), runtime.clock.now()
    with runtime.db.write() as conn:
        id = connections.create_target(
            conn, runtime.vault, org, name=name.strip(), url=url, secret=secret, at=now
        )
        live.relint(runtime, conn, org, may_break=False)
        identity.audit(conn, org, by, "target added", name, at=now)
    return TargetRow(id=id, org=org, name=name.strip(), url=url, secret=secret), secret


def test_target(runtime: Runtime, org: int, ref: str, *, by: str) -> str:
    """Sends a notice to a target that tells of nothing, by id (`tgt_2`) or name; its name. Raises
    NotFound."""
    with runtime.db.read() as conn:
        name = _target_called(runtime, conn, org, ref).name
    troubles.try_out(runtime, org, f"{troubles.CHANNEL}{name}", by=by)
    return name


def rotate_target(runtime: Runtime, org: int, ref: str, *, by: str) -> tuple[TargetRow, str]:
    """The target, by id (`tgt_2`) or name, and its new secret, which signs at once in place of the
    old one. Raises NotFound."""
    secret, now = standard_webhooks.new_secret(), runtime.clock.now()
    with runtime.db.write() as conn:
        row = _target_called(runtime, conn, org, ref)
        connections.rotate_target(conn, runtime.vault, row, secret)
        identity.audit(conn, org, by, "target secret rotated", row.name, at=now)
        return _target_called(runtime, conn, org, ref), secret


def _target_called(runtime: Runtime, conn: Connection, org: int, ref: str) -> TargetRow:
    for row in connections.all_targets(conn, runtime.vault, org):
        if ref in (ids.public("tgt", row.id), row.name):
            return row
    raise NotFound(f"there is no target {ref!r} here: relay target list")


def remove_target(runtime: Runtime, org: int, ref: str, *, by: str) -> None:
    """Takes a target away, by id (`tgt_2`) or name. Raises NotFound."""
    with runtime.db.write() as conn:
        remove_row(conn, org, _target_called(runtime, conn, org, ref).name)
        live.relint(runtime, conn, org)
        identity.audit(conn, org, by, "target removed", ref, at=runtime.clock.now())


def pause_rule(runtime: Runtime, org: int, rule: str, *, paused: bool, by: str) -> int:
    """Stops one rule at once, or lets it go on with the runs that waited; how many those are."""
    now = runtime.clock.now()
    told: list[int] = []
    with runtime.db.write() as conn:
        setup = runtime.setups.of(conn, org)
        if rule not in setup.rules.by_id:
            raise NotFound(f"there is no rule {rule!r} here")
        switches.pause_rule(conn, org, rule, paused=paused, by=by, at=now)
        freed = [] if paused else release.of_rule(conn, runtime, org, rule)
        action = "rule paused" if paused else "rule goes on"
        identity.audit(conn, org, by, action, rule, at=now)
        if paused and rule not in setup.paused:
            data = {"rule": rule, "name": setup.rules.by_id[rule].name}
            word = Word(
                type="rule.disabled", org=org, about=rule, page="/rules",
                reason=f"paused by {by}", data=data,
            )  # fmt: skip
            told = say(runtime, conn, {org: setup}, word, now=now)
    release.wake(runtime, freed)
    runtime.queue.wake(DELIVER, told)
    return len(freed)


def hold_bookings(runtime: Runtime, org: int, *, held: bool, by: str) -> int:
    """Holds every booking, or lets those that waited go on; how many those are."""
    with runtime.db.write() as conn:
        switches.hold_bookings(conn, org, held=held)
        freed = [] if held else release.of_bookings(conn, runtime, org)
        action = "bookings held" if held else "bookings go on"
        identity.audit(conn, org, by, action, "all bookings", at=runtime.clock.now())
    release.wake(runtime, freed)
    return len(freed)


def change_organization(
    runtime: Runtime,
    org: int,
    *,
    by: str,
    time_zone: str | None = None,
    key_limit: int | None = None,
    settings: Mapping[str, object] | None = None,
    quiet_hours: str | None = None,
) -> None:
    """Sets what is given; in another time zone schedules come due at other times."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        members.change_organization(
            conn,
            org,
            by=by,
            at=now,
            time_zone=time_zone,
            key_limit=key_limit,
            settings=settings,
            quiet_hours=quiet_hours,
        )
        if settings is not None:
            live.relint(runtime, conn, org)
        if time_zone is not None:
            rules = runtime.setups.of(conn, org).rules
            timetable.arrange(conn, org, rules, time_zone, now)


def list_ids(
    runtime: Runtime, conn: Connection, org: int, named: Sequence[str] | None
) -> list[str] | None:
    """The ids of lists by title or id, Relay's own and those of a CRM elsewhere; None: every list.
    A key keeps ids, for a title may be another list's tomorrow. Raises InvalidInput for a list that
    is not there."""
    if named is None:
        return None
    known = all_lists(runtime, conn, org)
    return [known.called(name).id for name in named]
