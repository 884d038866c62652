"""Mails to people: written with what they tell of, handed in by a worker, tried again for hours."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from relay import mail
from relay.core.errors import RelayError, RetryableError
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import troubles as stored
from relay.storage import work
from relay.storage.troubles import Mail
from relay.storage.work import Kind, Lease, NewWork

LEASE = 300.0
PATIENCE = LEASE - 60.0  # a mail that is begun later might be another's by its end
# How long after each failure: for half a day, for a server that is being moved.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 480))


def write(
    runtime: Runtime, conn: Connection, setup: Setup, recipient: str, subject: str, body: str,
    now: datetime,
) -> None:  # fmt: skip
    """One mail. Those of a test organization, and those for which there is no server, are kept and
    shown."""
    state, reason = "pending", None
    if setup.organization.is_test:
        state, reason = "captured", "a test organization sends no mails"
    elif runtime.settings.smtp_url is None:
        state, reason = "failed", "there is no mail server: set RELAY_SMTP_URL"
    org = setup.organization.id
    id = stored.add_mail(
        conn,
        {
            "org_id": org,
            "recipient": recipient,
            "subject": f"[{setup.organization.name}] {subject}",
            "body": body,
            "state": state,
            "reason": reason,
            "created_at": now,
            "ended_at": None if state == "pending" else now,
        },
    )
    if state == "pending":
        work.add(runtime.db, conn, Kind.MAIL, [NewWork(id=id, org=org)])


def send(runtime: Runtime, leases: Sequence[Lease], token: int) -> None:
    """Hands the claimed mails in, one by one: there are few."""
    with runtime.db.read() as conn:
        rows = stored.read_mails(conn, [lease.id for lease in leases])
    until = time.monotonic() + PATIENCE
    for row in rows:
        if time.monotonic() > until:
            break
        _record(runtime, row, _handed_in(runtime, row), token)


def _handed_in(runtime: Runtime, row: Mail) -> RelayError | None:
    url = runtime.settings.smtp_url
    if url is None:
        return RetryableError("there is no mail server: set RELAY_SMTP_URL")
    try:
        mail.send(
            url,
            sender=mail.sender_of(url, runtime.settings.base_url),
            recipient=row.recipient,
            subject=row.subject,
            body=row.body,
        )
    except RelayError as error:
        return error
    return None


def _record(runtime: Runtime, row: Mail, error: RelayError | None, token: int) -> None:
    now, db = runtime.clock.now(), runtime.db
    again = isinstance(error, RetryableError) and row.attempts < len(WAITS)
    with db.write() as conn:
        if not work.renew(db, conn, Kind.MAIL, [row.id], token=token, seconds=LEASE):
            return
        if again:
            wait = WAITS[row.attempts].total_seconds()
            work.retry(db, conn, Kind.MAIL, row.id, token=token, seconds=wait)
        else:
            work.fence(db, conn, Kind.MAIL, [row.id], token=token)
        stored.update_mail(
            conn,
            row.id,
            {
                "state": "pending" if again else "delivered" if error is None else "failed",
                "reason": None if error is None else str(error),
                "attempts": row.attempts + 1,
                "ended_at": None if again else now,
            },
        )
