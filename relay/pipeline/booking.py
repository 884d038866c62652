"""A sale's one booking row: made before the call, so that whatever happens on the way it is known
under which number to look for it, and never made twice for the same books."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from relay.core import options
from relay.core.errors import Conflict, InvalidInput, NotFound, Skipped
from relay.integration import Connector
from relay.pipeline import connecting
from relay.pipeline.execution import Execution
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import former, switches
from relay.storage import runs as stored
from relay.storage.connections import ConnectionRow
from relay.storage.former import FormerBooking

ALL_HELD = "all bookings of the organization are held"


def prepare(
    runtime: Runtime,
    conn: Connection,
    execution: Execution,
    provider: str,
    verb: str,
    now: datetime,
) -> bool:
    """What has to be durable before the call. False where a sale that a person has done again is
    booked already: the run goes on with what stands in the books."""
    assert execution.step is not None  # noqa: S101 - asked with the step in hand
    setup, step = execution.setup, execution.step
    found = setup.connection_for(provider, step.connection)
    if found is None:
        raise InvalidInput(_no_connection(setup, provider, step.connection))
    if found.state != "active":
        connecting.wait_for(conn, execution, found, now)
        return True
    connector = runtime.integrations[provider].connector
    if connector is None or verb not in connector.verbs:
        raise NotFound(f"{provider} cannot {verb}")
    if not connector.verbs[verb].books:
        return True
    if setup.organization.bookings_held and switches.bookings_held(conn, execution.org):
        execution.hold(ALL_HELD, now)
        return True
    return _open(conn, execution, found, connector, verb, now)


def _open(
    conn: Connection,
    execution: Execution,
    row: ConnectionRow,
    connector: Connector,
    verb: str,
    now: datetime,
) -> bool:
    item = execution.item or f"event:{execution.event}"
    label = str(execution.params.get("booking") or "sale")
    for earlier in former.former_bookings(
        conn, execution.org, provider=row.provider, verb=verb, item=item, label=label
    ):
        if not _leads_elsewhere(earlier, row, connector):
            return _booked_before(execution, earlier, now)
    booking = stored.open_booking(
        conn,
        execution.org,
        connection=row.id,
        verb=verb,
        item=item,
        label=label,
        run=execution.run,
        at=now,
        prefix=options.text(row.settings, "number_prefix", "CRM-"),
    )
    if booking.state == "booked":
        return _stands(execution, booking.output or {}, booking.number, now)
    execution.booking = booking
    stored.mark_sent(conn, booking.id, execution.run)
    return True


def _booked_before(execution: Execution, earlier: FormerBooking, now: datetime) -> bool:
    """Another connection to the same books, or to books that nobody can tell from them."""
    if earlier.state == "booked":
        return _stands(execution, earlier.output or {}, earlier.number, now)
    raise Conflict(
        f"it may have been booked as {earlier.number} through a connection that was removed since:"
        " look there, and name another booking in the rule if it was not"
    )


def _stands(execution: Execution, output: Mapping[str, object], number: str, now: datetime) -> bool:
    if execution.is_replay:
        execution.done(output, now)
        return False
    raise Skipped(f"already booked as {output.get('number') or number}")


def _leads_elsewhere(earlier: FormerBooking, row: ConnectionRow, connector: Connector) -> bool:
    """Whether the two connections surely are to different books."""
    was, now = connector.account(earlier.settings), connector.account(row.settings)
    return earlier.base_url != row.base_url or bool(was and now and was != now)


def _no_connection(setup: Setup, provider: str, name: str | None) -> str:
    if name is not None:
        return f"there is no {provider} connection {name!r}"
    several = [row.name for row in setup.connections if row.provider == provider]
    if several:
        return f"which {provider} connection? {', '.join(several)}: name one in the rule"
    return f"there is no {provider} connection: add one under Connections"
