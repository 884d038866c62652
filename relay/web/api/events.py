"""What happened: events, runs, bookings and deliveries, each with its story."""

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.core import ids
from relay.pipeline import documents, explain, reconcile
from relay.storage.reads import bookings, deliveries, events, runs
from relay.web.api.resource import Resource
from relay.web.api.site import (
    Document,
    PageQuery,
    caller,
    check_visible,
    cut,
    page_of,
    paged,
    read,
    runtime,
    visible,
)
from relay.web.api.stories import (
    Booking,
    Delivery,
    DeliveryStory,
    Event,
    EventStory,
    Reconciliation,
    Run,
    RunStory,
)


class EventQuery(PageQuery):
    """Which events."""

    after = fields.String(metadata={"description": "only what is newer than this event's number"})
    state = fields.String(validate=validate.OneOf(events.STATES))
    kind = fields.String(validate=validate.OneOf(events.KINDS))
    source = fields.String()
    type = fields.String()
    about = fields.String()


class RunQuery(PageQuery):
    """Which runs."""

    after = fields.String(metadata={"description": "only what is newer than this run's number"})
    state = fields.String(validate=validate.OneOf(runs.STATES))
    rule = fields.String()
    item = fields.String()
    event = fields.String(metadata={"example": "evt_42"})
    connector = fields.String(metadata={"example": "quickbooks"})


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    state = fields.String(validate=validate.OneOf(deliveries.STATES))
    target = fields.String()
    type = fields.String()
    hook = fields.String(metadata={"example": "hook_3"})
    run = fields.String(metadata={"example": "run_7"})


class PeriodQuery(Schema):
    """From a day to a day, both included; a month up to today unless given."""

    since = fields.String(metadata={"format": "date", "example": "2026-11-01"})
    until = fields.String(metadata={"format": "date", "example": "2026-11-30"})
    ask = fields.Boolean(
        load_default=False, metadata={"description": "ask the providers for their books too"}
    )


routes = Resource("events", "What arrived, what it became, and what was done about it.")


@routes.get("/events", scope="events:read", query=EventQuery, answer=page_of(Event))
def list_events(query: Document) -> Document:
    """The newest events."""
    named = ("state", "kind", "source", "type", "about")
    wanted = events.Filter(**{name: query.get(name) for name in named})

    def work(conn: Connection) -> Document:
        page = events.page(conn, caller().org, wanted, cut(query))
        rows = visible(conn, page.rows, lambda row: row.item_id)
        return paged(page, map(documents.event, rows))

    return read(work)


@routes.get("/events/<id>", scope="events:read", answer=EventStory)
def one_event(id: str) -> Document:
    """The story of one event, with all its runs."""
    story = explain.event(runtime(), caller().org, ids.number("evt", id))
    read(lambda conn: check_visible(conn, story["item_id"]))
    return story


@routes.get("/runs", scope="events:read", query=RunQuery, answer=page_of(Run))
def list_runs(query: Document) -> Document:
    """The newest runs."""
    wanted = runs.Filter(
        state=query.get("state"),
        rule=query.get("rule"),
        item=query.get("item"),
        event=ids.number("evt", query["event"]) if query.get("event") else None,
        connector=query.get("connector"),
    )

    def work(conn: Connection) -> Document:
        setup = runtime().setups.of(conn, caller().org)
        page = runs.page(conn, caller().org, wanted, cut(query))
        rows = visible(conn, page.rows, lambda row: row.item_id)
        return paged(page, (documents.run(row, setup) for row in rows))

    return read(work)


@routes.get("/runs/<id>", scope="events:read", answer=RunStory)
def one_run(id: str) -> Document:
    """The story of one run: its condition, and each step with request, answer, tries and key."""
    story = explain.run(runtime(), caller().org, ids.number("run", id))
    read(lambda conn: check_visible(conn, story["item_id"]))
    return story


@routes.get("/bookings", scope="events:read", query=PageQuery, answer=page_of(Booking))
def list_bookings(query: Document) -> Document:
    """The newest bookings."""

    def work(conn: Connection) -> Document:
        page = bookings.page(conn, caller().org, cut(query))
        rows = visible(conn, page.rows, lambda row: row.item_id)
        return paged(page, map(documents.booking, rows))

    return read(work)


@routes.get("/bookings/reconcile", scope="events:read", query=PeriodQuery, answer=Reconciliation())
def reconcile_bookings(query: Document) -> Document:
    """Won deals without a document, documents without a deal, and amounts that differ."""
    org = caller().org
    zone = read(lambda conn: runtime().setups.of(conn, org)).organization.time_zone
    period = reconcile.period_of(
        query.get("since"), query.get("until"), runtime().clock.now(), zone
    )
    found = reconcile.differences(runtime(), org, period, ask=query["ask"])
    rows = read(lambda conn: visible(conn, found, lambda row: row.item_id))
    return reconcile.document(rows, period)


@routes.get(
    "/deliveries",
    scope="events:read",
    query=DeliveryQuery,
    answer=page_of(Delivery),
)
def list_deliveries(query: Document) -> Document:
    """The newest deliveries."""
    wanted = deliveries.Filter(
        state=query.get("state"),
        target=query.get("target"),
        type=query.get("type"),
        hook=ids.number("hook", query["hook"]) if query.get("hook") else None,
        run=ids.number("run", query["run"]) if query.get("run") else None,
    )

    def work(conn: Connection) -> Document:
        page = deliveries.page(conn, caller().org, wanted, cut(query))
        rows = visible(conn, page.rows, lambda row: row.item_id)
        return paged(page, map(documents.delivery, rows))

    return read(work)


@routes.get("/deliveries/<id>", scope="events:read", answer=DeliveryStory)
def one_delivery(id: str) -> Document:
    """The story of one delivery: what was sent, and each answer."""
    number = ids.number("dlv", id)
    read(
        lambda conn: check_visible(conn, deliveries.detail(conn, caller().org, number).row.item_id)
    )
    return explain.delivery(runtime(), caller().org, number)
