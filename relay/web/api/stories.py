"""The documents of what happened: events, runs, deliveries and bookings, and their stories."""

from marshmallow import Schema, fields, validate

from relay.pipeline import reconcile
from relay.storage.reads import deliveries, events, runs

_TIME = {"format": "date-time"}


class Event(Schema):
    """Something that arrived or changed. `outcomes` counts its runs by state."""

    id = fields.String(required=True, metadata={"example": "evt_42"})
    kind = fields.String(validate=validate.OneOf(events.KINDS))
    state = fields.String(validate=validate.OneOf(events.STATES))
    reason = fields.String(allow_none=True)
    source = fields.String(allow_none=True)
    type = fields.String(allow_none=True, metadata={"example": "form.submitted"})
    about = fields.String(allow_none=True)
    item_id = fields.String(allow_none=True)
    parent_id = fields.String(allow_none=True)
    depth = fields.Integer()
    received_at = fields.String(metadata=_TIME)
    decided_at = fields.String(allow_none=True, metadata=_TIME)
    outcomes = fields.Dict(keys=fields.String(), values=fields.Integer())


class Run(Schema):
    """A rule (or a source's mapping) that fired for an event."""

    id = fields.String(required=True, metadata={"example": "run_7"})
    event_id = fields.String()
    rule = fields.String()
    rule_name = fields.String()
    rule_hash = fields.String()
    set_hash = fields.String()
    state = fields.String(validate=validate.OneOf(runs.STATES))
    reason = fields.String(allow_none=True)
    about = fields.String(allow_none=True)
    item_id = fields.String(allow_none=True)
    steps_done = fields.Integer()
    steps_known = fields.Integer()
    tried = fields.Integer()
    held_by = fields.String(allow_none=True)
    replay_of = fields.String(allow_none=True)
    created_at = fields.String(metadata=_TIME)
    ended_at = fields.String(allow_none=True, metadata=_TIME)
    next_at = fields.String(allow_none=True, metadata=_TIME)


class Delivery(Schema):
    """A message to a named address."""

    id = fields.String(required=True, metadata={"example": "dlv_3"})
    type = fields.String()
    target_kind = fields.String()
    target = fields.String(allow_none=True)
    url = fields.String()
    state = fields.String(validate=validate.OneOf(deliveries.STATES))
    reason = fields.String(allow_none=True)
    tried = fields.Integer()
    last_status = fields.Integer(allow_none=True)
    event_id = fields.String(allow_none=True)
    run_id = fields.String(allow_none=True)
    message_id = fields.String()
    created_at = fields.String(metadata=_TIME)
    ended_at = fields.String(allow_none=True, metadata=_TIME)
    next_at = fields.String(allow_none=True, metadata=_TIME)


class Booking(Schema):
    """A sale in a provider's books: `number` is ours, `external_number` theirs."""

    id = fields.String(required=True, metadata={"example": "bkg_5"})
    connection = fields.String(allow_none=True)
    provider = fields.String(allow_none=True)
    verb = fields.String()
    item_id = fields.String()
    item_name = fields.String(allow_none=True)
    list_id = fields.String(allow_none=True)
    number = fields.String()
    state = fields.String(validate=validate.OneOf(("open", "sent", "booked")))
    run_id = fields.String()
    external_id = fields.String(allow_none=True)
    external_number = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    amount = fields.String(allow_none=True)
    currency = fields.String(allow_none=True)
    created_at = fields.String(metadata=_TIME)
    booked_at = fields.String(allow_none=True, metadata=_TIME)


class Disagreement(Schema):
    """A deal and what was booked for it, where they do not agree."""

    problem = fields.String(required=True, validate=validate.OneOf(tuple(reconcile.PROBLEMS)))
    item_id = fields.String(allow_none=True)
    item_name = fields.String(allow_none=True)
    list_id = fields.String(allow_none=True)
    list = fields.String(allow_none=True)
    deal_amount = fields.String(allow_none=True)
    booked_amount = fields.String(allow_none=True)
    currency = fields.String(allow_none=True)
    connection = fields.String(allow_none=True)
    verb = fields.String(allow_none=True)
    number = fields.String(allow_none=True)
    external_number = fields.String(allow_none=True)
    url = fields.String(allow_none=True)
    run_id = fields.String(allow_none=True)
    why = fields.String()


class Reconciliation(Schema):
    """What does not agree, from one day to another, both included."""

    since = fields.String(required=True, metadata={"format": "date"})
    until = fields.String(required=True, metadata={"format": "date"})
    data = fields.List(fields.Nested(Disagreement), required=True)
    next = fields.String(required=True, allow_none=True)


class Attempt(Schema):
    """One try, with every request made and every answer got; secrets masked."""

    attempt = fields.Integer()
    at = fields.String(metadata=_TIME)
    took_ms = fields.Float()
    outcome = fields.String()
    message = fields.String(allow_none=True)
    exchanges = fields.List(fields.Dict())


class Step(Schema):
    """One step of a run. `key` makes it happen once; `place` is where it stands in its file."""

    id = fields.String()
    use = fields.String(metadata={"example": "quickbooks.sales_receipt"})
    on_failure = fields.Boolean()
    state = fields.String(validate=validate.OneOf(("succeeded", "failed", "not_run", "waiting")))
    params = fields.Raw(data_key="with", attribute="with", allow_none=True)
    output = fields.Raw(allow_none=True)
    changes = fields.Dict()
    error = fields.String(allow_none=True)
    key = fields.String(allow_none=True)
    tried = fields.Integer()
    attempts = fields.List(fields.Nested(Attempt))
    delivery = fields.Nested(Delivery, allow_none=True)
    place = fields.String(allow_none=True)
    started_at = fields.String(allow_none=True, metadata=_TIME)
    ended_at = fields.String(allow_none=True, metadata=_TIME)


class RunStory(Run):
    """A run with its condition and its steps."""

    trigger = fields.String(allow_none=True)
    condition = fields.String(allow_none=True)
    clauses = fields.List(fields.Dict())
    steps = fields.List(fields.Nested(Step))
    not_reached = fields.List(fields.Dict())
    bookings = fields.List(fields.Dict())
    beside = fields.List(fields.Nested(Run))


class EventStory(Event):
    """An event with what arrived, how it was checked, what it became, which rules looked at it and
    why they did or did not fire."""

    arrived = fields.Dict(allow_none=True)
    checked = fields.Dict(allow_none=True)
    change = fields.Dict(allow_none=True)
    facts = fields.Dict(allow_none=True)
    rules = fields.Dict()
    runs = fields.List(fields.Nested(RunStory))
    led_to = fields.List(fields.Dict())
    gave_up = fields.String(allow_none=True)


class DeliveryStory(Delivery):
    """A delivery with what was sent, and each answer."""

    headers = fields.Dict()
    body = fields.String(allow_none=True)
    attempts = fields.List(fields.Dict())
