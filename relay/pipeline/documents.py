"""Rows as documents: the shapes that `/api/v1`, the command line and `--json` have in common."""

from collections.abc import Mapping
from typing import Any

from relay.core.ids import public
from relay.crm.model import Field, List
from relay.integration import Integration, Source
from relay.pipeline import connect
from relay.pipeline.fitting import Fitting
from relay.pipeline.plain import address, plain, time
from relay.pipeline.preview import Preview
from relay.pipeline.senders import SenderField
from relay.pipeline.why import watched
from relay.setups import Setup
from relay.storage.connections import ConnectionRow, TargetRow
from relay.storage.identity import Organization
from relay.storage.reads.bookings import BookingRow
from relay.storage.reads.deliveries import DeliveryRow
from relay.storage.reads.events import EventRow
from relay.storage.reads.runs import RunRow
from relay.storage.reads.settings import AuditRow, KeyRow, UserRow
from relay.storage.sources import SourceRow
from rules.engine import Rule, rule_hash

Document = dict[str, Any]


def event(row: EventRow) -> Document:
    """One event of a list; `outcomes` counts its runs by state."""
    return {
        "id": public("evt", row.id),
        "kind": row.kind,
        "state": row.state,
        "reason": row.reason,
        "source": row.source,
        "type": row.type,
        "about": row.about,
        "item_id": row.item_id,
        "parent_id": _public("evt", row.parent_id),
        "depth": row.depth,
        "received_at": time(row.received_at),
        "decided_at": time(row.decided_at),
        "outcomes": dict(row.runs),
    }


def run(row: RunRow, setup: Setup) -> Document:
    """One run of a list."""
    rule = setup.rules.by_id.get(row.rule_id)
    held_by = setup.connection_by_id.get(row.held_by) if row.held_by is not None else None
    return {
        "id": public("run", row.id),
        "event_id": public("evt", row.event_id),
        "rule": row.rule_id,
        "rule_name": (rule.name if rule else "") or row.rule_id,
        "rule_hash": row.rule_hash,
        "set_hash": row.set_hash,
        "state": row.state,
        "reason": row.reason,
        "about": row.about,
        "item_id": row.item_id,
        "steps_done": row.done,
        "steps_known": row.steps,
        "tried": row.tries,
        "held_by": held_by.name if held_by else None,
        "replay_of": _public("run", row.replay_of),
        "created_at": time(row.created_at),
        "ended_at": time(row.ended_at),
        "next_at": time(row.next_at),
    }


def delivery(row: DeliveryRow) -> Document:
    """One delivery of a list."""
    return {
        "id": public("dlv", row.id),
        "type": row.type,
        "target_kind": row.target_kind,
        "target": row.target,
        "url": address(row.url),
        "state": row.state,
        "reason": row.reason,
        "tried": row.attempts,
        "last_status": row.last_status,
        "event_id": _public("evt", row.event_id),
        "run_id": _public("run", row.run_id),
        "message_id": row.message_id,
        "created_at": time(row.created_at),
        "ended_at": time(row.ended_at),
        "next_at": time(row.next_at),
    }


def booking(row: BookingRow) -> Document:
    """One booking: our number, and what the provider calls it."""
    return {
        "id": public("bkg", row.id),
        "connection": row.connection,
        "provider": row.provider,
        "verb": row.verb,
        "item_id": row.item_id,
        "item_name": row.item_name,
        "list_id": row.list_id,
        "number": row.number,
        "state": row.state,
        "run_id": public("run", row.run_id),
        "external_id": row.external_id,
        "external_number": row.external_number,
        "url": None if row.url is None else address(row.url),
        "amount": row.amount,
        "currency": row.currency,
        "created_at": time(row.created_at),
        "booked_at": time(row.booked_at),
    }


def organization(row: Organization) -> Document:
    """An organization and what is set for it."""
    return {
        "id": public("org", row.id),
        "name": row.name,
        "is_test": row.is_test,
        "time_zone": row.time_zone,
        "settings": plain(row.settings),
        "bookings_held": row.bookings_held,
        "key_limit": row.key_limit,
        "quiet_hours": row.quiet_hours or None,
        "rule_set": row.rule_set_hash,
    }


def user(row: UserRow) -> Document:
    """Somebody who may sign in."""
    return {
        "id": row.id,
        "email": row.email,
        "name": row.name,
        "role": row.role,
        "created_at": time(row.created_at),
    }


def key(row: KeyRow) -> Document:
    """An API key without its secret, which nobody knows any more."""
    return {
        "key": row.id,
        "name": row.name,
        "scopes": list(row.scopes),
        "lists": None if row.lists is None else list(row.lists),
        "created_at": time(row.created_at),
        "used_at": time(row.used_at),
    }


def source(row: SourceRow, base_url: str, connections: Mapping[int, ConnectionRow]) -> Document:
    """A source. `url` is its inbound address, which is a secret of its own."""
    through = connections.get(row.connection_id) if row.connection_id is not None else None
    return {
        "id": public("src", row.id),
        "type": row.type,
        "name": row.name,
        "url": inbound_url(row, base_url),
        "state": row.state,
        "reason": row.reason,
        "problem": row.problem,
        "options": plain(row.options),
        "mapping": plain(row.mapping),
        "connection": through.name if through else None,
    }


def inbound_url(row: SourceRow, base_url: str) -> str:
    """Where a source's sender sends to."""
    return f"{base_url}/in/{row.type}/{row.token or '…'}"


def source_type(name: str, title: str, kind: Source, setup: str) -> Document:
    """A kind of source that can be made. `is_thin`: its sender only names things, and a call
    through a connection completes them."""
    return {
        "type": name,
        "title": title,
        "secret": kind.secret,
        "proof": kind.proof,
        "is_thin": kind.complete is not None,
        "events": list(kind.event_types),
        "options": dict(kind.settings),
        "setup": setup,
    }


def source_types(integrations: Mapping[str, Integration]) -> list[Document]:
    """The kinds of source that can be made."""
    return [
        source_type(name, one.title, one.source, one.setup())
        for name, one in integrations.items()
        if one.source is not None
    ]


def sender_field(one: SenderField) -> Document:
    """A field that a sender sends, with its last value."""
    return {
        "name": one.name,
        "label": one.label or None,
        "sent": plain(one.sent),
        "expression": one.expression,
        "is_fact": one.is_fact,
    }


def fitting(found: Fitting) -> Document:
    """A sender's fields beside a list's."""
    into = found.into
    return {
        "source": found.source.name,
        "from_sample": all(one.event is None for one in found.delivered),
        "fields": [sender_field(one) for one in found.senders],
        "list": into.title if into else None,
        "list_fields": [field(one) for one in into.fields.all if one.is_editable] if into else [],
        "proposed": dict(found.proposed),
    }


def preview(told: Preview) -> Document:
    """What a delivery would do. `would_save` is false where anything of it would be refused."""
    return {
        "event": told.event,
        "type": told.type,
        "would_save": told.is_saved,
        "stopped": told.stopped or None,
        "contact": plain(told.contact),
        "item": plain(told.item),
        "fields": [
            {
                "slug": cell.slug,
                "name": cell.name,
                "type": cell.type,
                "sent": plain(cell.sent),
                "becomes": plain(cell.becomes),
                "now": plain(cell.now),
                "then": plain(cell.then),
                "refused": cell.refused or None,
                "from": cell.origin or None,
            }
            for cell in told.cells
        ],
        "stream": plain(told.stream),
        "starts": list(told.starts),
        "note": told.note or None,
    }


def rule(one: Rule, setup: Setup, outcomes: Mapping[str, int]) -> Document:
    """A live rule; `outcomes` counts its newest runs by state."""
    return {
        "id": one.id,
        "name": one.name or one.id,
        "enabled": one.enabled,
        "paused": one.id in setup.paused,
        "hash": rule_hash(one),
        "file": f"{one.path}:{one.line}" if one.line else one.path,
        "triggers": [watched(trigger) for trigger in one.when],
        "condition": one.condition,
        "steps": [step.use for step in one.do],
        "outcomes": dict(outcomes),
    }


def connection(row: ConnectionRow) -> Document:
    """A connection without its credentials."""
    return {
        "id": public("con", row.id),
        "provider": row.provider,
        "name": row.name,
        "is_sandbox": row.sandbox_path is not None,
        "base_url": row.base_url or None,
        "settings": plain(row.settings),
        "state": row.state,
        "reason": row.reason,
        "used_at": time(row.used_at),
    }


def connection_type(name: str, integration: Integration) -> Document:
    """A provider that can be connected: what it asks for, and what may be set."""
    connector = integration.connector
    if connector is None:
        return {"provider": name, "title": integration.title}
    return {
        "provider": name,
        "title": integration.title,
        "secrets": list(connect.secrets_wanted(connector)),
        "consent": connector.consent is not None,
        "anywhere": connector.anywhere,
        "settings": connect.settings_of(connector),
        "hosts": dict(connector.hosts),
        "has_sandbox": integration.sandbox is not None,
    }


def target(row: TargetRow) -> Document:
    """A named address without the secret that signs what is sent there."""
    name, url = row.name, address(row.url)
    return {"id": public("tgt", row.id), "name": name, "url": url, "problem": row.problem}


def audited(row: AuditRow) -> Document:
    """Who did what."""
    return {
        "id": public("aud", row.id),
        "at": time(row.at),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "before": plain(row.before),
        "after": plain(row.after),
    }


def crm_list(one: List) -> Document:
    """A list with its fields."""
    return {
        "id": one.id,
        "title": one.title,
        "type": str(one.type),
        "fields": [field(each) for each in one.fields.all],
    }


def field(one: Field) -> Document:
    """A column: `name` is what it is called in rules."""
    return {
        "id": one.id,
        "name": one.slug,
        "label": one.name,
        "type": str(one.type),
        "is_multi": one.is_multi,
        "is_editable": one.is_editable,
        "options": [
            {"id": each.id, "label": each.display, "is_closed": each.is_closed}
            for each in one.options
        ],
    }


def _public(prefix: str, number: int | None) -> str | None:
    return None if number is None else public(prefix, number)
