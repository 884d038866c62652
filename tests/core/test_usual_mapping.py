"""The mapping a new source gets by itself: right for most, and fit to run."""

from decimal import Decimal
from typing import Any

import pytest

from relay.bootstrap import VERBS
from relay.crm.model import Field, Fields, FieldType, List, ListType, Option
from relay.integration import Source
from relay.integrations import INTEGRATIONS
from relay.mapping import compile_mapping, is_mapping
from relay.usual import usual_mapping
from rules.engine.templates import compile_value


def _field(name: str, type: FieldType, *options: str) -> Field:
    slug = name.lower().replace(" ", "_")
    choices = [Option(id=str(number), display=text) for number, text in enumerate(options)]
    return Field(id=slug, name=name, slug=slug, type=type, options=choices)


def _list(title: str, type: ListType, *fields: Field) -> List:
    return List(id=title, title=title, type=type, fields=Fields(of=title, all=fields))


LEADS = _list(
    "Leads",
    ListType.CONTACT,
    _field("Status", FieldType.LIST, "New", "Qualified"),
    _field("Account Name", FieldType.TEXT),
    _field("Job Title", FieldType.TEXT),
)
DEALS = _list(
    "Deals",
    ListType.ACCOUNT,
    _field("Status", FieldType.LIST, "Open", "Paid"),
    _field("Paid Date", FieldType.DATE),
    _field("Paid Amount", FieldType.NUMERIC),
)
TASKS = _list("Tasks", ListType.ACCOUNT)


def _usual(*lists: List, events: tuple[str, ...]) -> dict[str, Any] | None:
    nothing: Any = None
    return usual_mapping(Source(verify=nothing, parse=nothing, event_types=events), lists)


def test_a_form_makes_a_contact_and_an_item_of_the_contact_list() -> None:
    mapping = _usual(DEALS, LEADS, events=("form.submitted",))
    assert mapping is not None
    assert mapping["list"] == "Leads"
    assert mapping["fields"] == {"account_name": "${event.data.company}"}
    assert mapping["new"] == {"status": "New"}
    assert mapping["contact"]["company"] == "${event.data.company}"


def test_a_card_brings_its_title_too() -> None:
    mapping = _usual(LEADS, events=("card.scanned",))
    assert mapping is not None
    assert mapping["fields"]["job_title"] == mapping["contact"]["title"] == "${event.data.title}"


def test_a_payment_sets_status_date_and_amount_and_tells_the_stream() -> None:
    mapping = _usual(TASKS, DEALS, LEADS, events=("payment.received",))
    assert mapping is not None
    assert (mapping["list"], mapping["number"]) == ("Deals", "${event.data.our_number}")
    assert mapping["fields"] == {
        "paid_date": "${event.data.paid_on}",
        "paid_amount": "${event.data.paid_amount}",
        "status": "Paid",
    }
    assert mapping["stream"]["subject"].startswith("Payment received")


def test_a_part_payment_closes_nothing_where_paid_invoices_are_told_of() -> None:
    mapping = _usual(DEALS, events=("invoice.paid", "payment.received", "invoice.sent"))
    assert mapping is not None
    part, sent = mapping["also"]
    assert "status" in mapping["fields"]
    assert "status" not in part["fields"]
    assert "list" not in sent
    assert sent["stream"]["subject"].endswith(" sent")


def test_without_lists_people_become_contacts_and_payments_stream_entries() -> None:
    form = _usual(events=("form.submitted",))
    paid = _usual(events=("invoice.paid",))
    assert form is not None
    assert paid is not None
    assert "contact" in form
    assert "list" not in form
    assert {"number", "list", "fields"}.isdisjoint(paid)


def test_a_sender_of_other_things_gets_no_mapping() -> None:
    assert _usual(LEADS, events=("webhook.received",)) is None


@pytest.mark.parametrize("lists", [(), (LEADS, DEALS)], ids=["no lists", "lists"])
@pytest.mark.parametrize("name", [n for n, one in INTEGRATIONS.items() if one.source is not None])
def test_every_types_usual_mapping_is_fit_to_run(name: str, lists: tuple[List, ...]) -> None:
    source = INTEGRATIONS[name].source
    assert source is not None
    mapping = usual_mapping(source, lists)
    if mapping is not None:
        rules = compile_mapping(7, name, mapping, VERBS)
        assert len({rule.id for rule in rules}) == len(rules)
        assert all(is_mapping(rule.id) for rule in rules)


def test_an_amount_keeps_its_digits_where_a_text_stands_for_none() -> None:
    fill = compile_value("${event.data.total == null ? 'unknown' : event.data.total} due", "body")
    assert fill({"event": {"data": {"total": Decimal("12500.50")}}}) == "12500.50 due"
    assert fill({"event": {"data": {"total": None}}}) == "unknown due"
