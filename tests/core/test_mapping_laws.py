"""Laws of mappings: whatever a sender calls its fields and options, they can be read."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.bootstrap import VERBS
from relay.core.facts import clean
from relay.mapping import compile_mapping
from relay.pipeline.senders import digits_only, field_expression, numbers_only
from rules.engine import holds, resolve
from rules.engine.templates import compile_value

NAMES = st.text(min_size=1, max_size=60).map(clean).filter(bool)


def facts(fields: dict[str, Any]) -> dict[str, Any]:
    data = {"email": "ann@example.com", "fields": fields}
    return {"event": {"data": data, "type": "form.submitted"}, "steps": {}}


@given(name=NAMES, value=NAMES | st.integers(0, 10**6) | st.lists(NAMES, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_field_of_any_name_is_read_and_is_empty_where_it_was_not_sent(
    name: str, value: object
) -> None:
    read = compile_value(field_expression(name), "fields.x")
    assert read(facts({name: value, "other": 1})) == value
    assert read(facts({})) is None


@given(name=NAMES, sent=NAMES, becomes=NAMES, other=NAMES)
@settings(max_examples=15, deadline=None)
def test_what_is_in_the_table_is_translated_and_the_rest_is_not(
    name: str, sent: str, becomes: str, other: str
) -> None:
    mapping = {
        "event": "form.submitted",
        "list": "Leads",
        "fields": {"status": field_expression(name)},
        "values": {"status": {sent: becomes}},
    }
    (rule,) = compile_mapping(1, "website", mapping, VERBS)

    def status(fields: dict[str, Any]) -> object:
        return resolve(rule.do[1], facts(fields))["fields"].get("status")

    assert status({name: sent}) == becomes
    assert status({name: other}) == (becomes if other == sent else other)
    assert status({}) is None
    translated = [becomes, becomes if other == sent else other]
    assert status({name: [sent, other]}) == translated


def test_a_contact_may_be_found_by_a_field_of_the_sender_s_own() -> None:
    email = field_expression("Work Email")
    mapping = {"event": "form.submitted", "email": email, "contact": {}, "list": "Deals",
               "account": field_expression("Firm")}  # fmt: skip
    (rule,) = compile_mapping(1, "website", mapping, VERBS)
    whole = facts({"Work Email": "bo@example.com", "Firm": "Berg AB"})
    assert holds(rule, whole)
    assert resolve(rule.do[0], whole)["email"] == "bo@example.com"
    assert holds(rule.do[1], whole)
    for fields in ({}, {"Work Email": ""}):
        assert not holds(rule, facts(fields))
        assert not holds(rule.do[1], facts(fields))


def test_digits_and_numbers_are_taken_from_text() -> None:
    field = field_expression("Seats")
    for treat, sent, becomes in (
        (digits_only, "about 40", "40"),
        (digits_only, None, None),
        (numbers_only, "about 40", None),
        (numbers_only, " 40.5 ", " 40.5 "),
        (numbers_only, None, None),
    ):
        given_fields = {} if sent is None else {"Seats": sent}
        assert compile_value(treat(field), "fields.seats")(facts(given_fields)) == becomes
