"""Sandboxes at work: one API request, the books, and a payment with the provider's own notices."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from relay.core import ids
from relay.core.errors import InvalidInput, NotFound
from relay.core.facts import a_text
from relay.integration import Answer, Document, Notification, Sandbox, SandboxRequest
from relay.queue import DELIVER
from relay.runtime import Runtime
from relay.storage import connections, identity, sources, work
from relay.storage.deliveries import NewDelivery, insert_delivery, target_key
from relay.storage.locks import only_one
from relay.storage.sandbox import StoredBooks
from relay.storage.sources import SourceRow
from relay.storage.work import Kind, NewWork

_FAULTS = "faults"  # the kind of the books that they stand in
_NARROWS = ("path", "about", "seconds")


def handle(runtime: Runtime, path: str, inner: SandboxRequest) -> Answer:
    """One request to the sandbox behind a path. Raises NotFound where there is none, or where the
    organization is not for tests."""
    with runtime.db.read() as conn:
        row = connections.connection_at(conn, path)
        if row is None or not identity.organization(conn, row.org).is_test:
            raise NotFound("there is no sandbox here")
    sandbox = _sandbox(runtime, row.provider)
    with _turn(runtime, row.org, row.provider), runtime.db.write() as conn:
        return sandbox.handle(inner, StoredBooks(conn, row.org, row.provider))


def books(runtime: Runtime, org: int, provider: str) -> Sequence[Document]:
    """A sandbox's documents, newest first."""
    sandbox = _sandbox(runtime, provider)
    with runtime.db.read() as conn:
        return sandbox.documents(StoredBooks(conn, org, provider))


def pay(runtime: Runtime, org: int, provider: str, document: str) -> list[int]:
    """Marks a document as paid; the provider's own notifications go to the organization's source
    of that provider, as deliveries. Gives their ids. Raises NotFound or Conflict."""
    sandbox = _sandbox(runtime, provider)
    now = runtime.clock.now()
    with _turn(runtime, org, provider), runtime.db.write() as conn:
        notices = sandbox.pay(StoredBooks(conn, org, provider), document, now)
        found = sources.all_sources(conn, runtime.vault, org)
        hearing = [row for row in found if row.type == provider and row.state == "active"
                   and row.problem is None]  # fmt: skip
        made = [
            insert_delivery(conn, _delivery(runtime, row, document, n, notice), now)
            for row in hearing
            for n, notice in enumerate(notices)
        ]
        rows = [
            NewWork(id=id, org=org, target=target_key("sandbox", row.id))
            for row, id in zip([r for r in hearing for _ in notices], made, strict=True)
        ]
        work.add(runtime.db, conn, Kind.DELIVERY, rows)
    runtime.queue.wake(DELIVER, made)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a sandbox is to do wrong: the next `times` requests that it fits. `path` narrows it to
    addresses that contain it, `about` to requests that name something; `seconds` makes the answer
    late."""

    name: str
    times: int = 1
    path: str | None = None
    about: str | None = None
    seconds: int | None = None


def faults(runtime: Runtime, provider: str) -> Mapping[str, str]:
    """What the provider's sandbox can be asked to do wrong, each in words."""
    return _sandbox(runtime, provider).faults


def planned(runtime: Runtime, org: int, provider: str) -> list[Fault]:
    """What it still is to do wrong."""
    with runtime.db.read() as conn:
        rows = StoredBooks(conn, org, provider).all(_FAULTS)
    found = [
        Fault(
            name=str(row["fault"]),
            times=int(str(row.get("times", 1))),
            path=a_text(row.get("path")),
            about=a_text(row.get("about")),
            seconds=int(str(row["seconds"])) if row.get("seconds") else None,
        )
        for row in rows
    ]
    return [one for one in found if one.times > 0]


def plan(runtime: Runtime, org: int, provider: str, fault: Fault, *, by: str) -> None:
    """Asks the sandbox to fail. Raises InvalidInput for what it cannot do."""
    known = faults(runtime, provider)
    if fault.name not in known:
        raise InvalidInput(f"the sandbox of {provider} cannot {fault.name!r}: {', '.join(known)}")
    with _turn(runtime, org, provider), runtime.db.write() as conn:
        books = StoredBooks(conn, org, provider)
        id = str(books.next_id(_FAULTS))
        books.put(
            _FAULTS,
            id,
            {
                "id": id,
                "fault": fault.name,
                "times": fault.times,
                **{name: value for name in _NARROWS if (value := getattr(fault, name))},
            },
        )
        identity.audit(conn, org, by, "sandbox asked to fail", f"{provider}: {fault.name}",
                       at=runtime.clock.now())  # fmt: skip


def forget_faults(runtime: Runtime, org: int, provider: str, *, by: str) -> None:
    """It works as it should again."""
    with _turn(runtime, org, provider), runtime.db.write() as conn:
        books = StoredBooks(conn, org, provider)
        for row in books.all(_FAULTS):
            books.put(_FAULTS, str(row["id"]), {**row, "times": 0})
        identity.audit(conn, org, by, "sandbox works again", provider, at=runtime.clock.now())


def _sandbox(runtime: Runtime, provider: str) -> Sandbox:
    found = runtime.integrations.get(provider)
    if found is None or found.sandbox is None:
        raise InvalidInput(f"{provider!r} has no sandbox")
    return found.sandbox


def _turn(runtime: Runtime, org: int, provider: str) -> AbstractContextManager[Any]:
    return only_one(runtime.db, runtime.settings.home, f"sandbox-{org}-{provider}")


def _delivery(
    runtime: Runtime, row: SourceRow, document: str, n: int, notice: Notification
) -> NewDelivery:
    now = runtime.clock.now()
    source = runtime.integrations[row.type].source
    headers = {"content-type": notice.content_type, **notice.headers}
    if source is not None and source.sign is not None:
        headers |= dict(source.sign(notice.body, row.config(now), now))
    key = ids.digest("sandbox", str(row.id), document, str(n))
    return NewDelivery(
        org=row.org,
        dkey=key,
        target_kind="sandbox",
        target_id=row.id,
        message_id=f"msg_{key.lower()}",
        type=f"{row.type}.notification",
        url=f"{runtime.settings.base_url}/in/{row.type}/{row.token}",
        headers=headers,
        body=notice.body,
    )
