"""Bad input: every type of field against every type of JSON, and texts that are no good.

A6: a value of the wrong type is refused with the words that the service itself used.
"""

from typing import Any

import pytest

from relay.crm.embedded import admin
from relay.crm.embedded.admin import NewField
from relay.crm.model import FieldType
from tests.crm.api import Api, api_of, sales_list
from tests.crm.office import OWNER, Office

OBJECT, ARRAY = {"a": 1}, [1]
# What each type takes of each kind of JSON: what is stored, or None where it is refused.
KINDS: dict[str, Any] = {
    "String": "twelve", "Number": 12, "Boolean": True, "Object": OBJECT, "Array": ARRAY,
}  # fmt: skip
TAKEN: dict[FieldType, dict[str, str]] = {
    FieldType.TEXT: {"String": "twelve", "Number": "12", "Boolean": "true"},
    FieldType.LOCATION: {"String": "twelve", "Number": "12", "Boolean": "true"},
    FieldType.NUMERIC: {"Number": "12"},
    FieldType.LIST: {},
    FieldType.DATE: {"Number": "1970-01-01"},
    FieldType.DATETIME: {"Number": "12"},
    FieldType.USER: {},
    FieldType.CONTACT: {"String": "twelve", "Number": "12", "Boolean": "true"},
}
WORDS = {"String": "twelve", "Number": "12", "Boolean": "true", "Object": '{"a":1}', "Array": "[1]"}
GOOD: list[tuple[FieldType, object, str]] = [
    (FieldType.NUMERIC, "1500.50", "1500.50"), (FieldType.NUMERIC, " -3 ", "-3"),
    (FieldType.NUMERIC, "1e3", "1000"), (FieldType.LIST, "0", "0"), (FieldType.LIST, 1, "1"),
    (FieldType.LIST, "pro", "1"), (FieldType.DATE, "2017-2-1", "2017-02-01"),
    (FieldType.DATE, 1472529600000, "2016-08-30"), (FieldType.DATE, "1472529600000", "2016-08-30"),
    (FieldType.DATETIME, "2016-08-30", "1472515200000"),
    (FieldType.DATETIME, "1472529600000", "1472529600000"),
    (FieldType.USER, "BEA@example.com", OWNER), (FieldType.USER, OWNER, OWNER),
]  # fmt: skip
BAD: list[tuple[FieldType, object, str]] = [
    (FieldType.NUMERIC, "1,500", "String 1,500"), (FieldType.NUMERIC, "12 EUR", "String 12 EUR"),
    (FieldType.LIST, "Gold", "String Gold"), (FieldType.LIST, 7, "Number 7"),
    (FieldType.DATE, "2017-02-30", "String 2017-02-30"), (FieldType.DATE, "30.08.2016",
                                                          "String 30.08.2016"),
    (FieldType.DATE, "2016-08-30T10:00:00Z", "String 2016-08-30T10:00:00Z"),
    (FieldType.DATETIME, 1.5, "Number 1.5"), (FieldType.DATETIME, 10**17, f"Number {10**17}"),
    (FieldType.USER, "nobody@example.com", "String nobody@example.com"),
]  # fmt: skip


@pytest.fixture
def api(office: Office) -> Api:
    return api_of(office)


@pytest.fixture
def columns(office: Office) -> tuple[str, dict[FieldType, str]]:
    """A list with a column of every type that can be written; its path, and the columns' ids."""
    deals = sales_list(office)
    ids: dict[FieldType, str] = {}
    with office.db.write() as conn:
        for type_ in TAKEN:
            options = ("Basic", "Pro") if type_ is FieldType.LIST else ()
            new = NewField(name=f"The {type_}", type=type_, options=options)
            ids[type_] = admin.create_field(conn, office.org, new=new, list_id=deals.id).id
    return f"/lists/{deals.id}/listitems", ids


def test_every_type_of_field_against_every_type_of_json(
    api: Api, columns: tuple[str, dict[FieldType, str]]
) -> None:
    """A6"""
    path, ids = columns
    for type_, taken in TAKEN.items():
        for kind, value in KINDS.items():
            sent = {"fieldValues": {ids[type_]: [{"raw": value}]}}
            if kind in taken:
                made = api.ok("POST", path, sent)
                assert made["fieldValues"][ids[type_]] == [{"raw": taken[kind]}], (type_, kind)
            else:
                said = f"Attempting to set {type_} field value with {kind} {WORDS[kind]}"
                assert api.refused(422, "POST", path, sent) == said


def test_what_a_type_takes_and_what_it_does_not(
    api: Api, columns: tuple[str, dict[FieldType, str]]
) -> None:
    """A1, A2, A4, A6"""
    path, ids = columns
    for type_, value, kept in GOOD:
        made = api.ok("POST", path, {"fieldValues": {ids[type_]: [{"raw": value}]}})
        assert made["fieldValues"][ids[type_]] == [{"raw": kept}], (type_, value)
    item = api.ok("POST", path, {"name": "x"})
    for type_, value, words in BAD:
        sent = {"fieldValues": {ids[type_]: [{"raw": value}]}}
        said = f"Attempting to set {type_} field value with {words}"
        assert api.refused(422, "PUT", f"{path}/{item['id']}", sent) == said
    several = {"fieldValues": {ids[FieldType.LIST]: [{"raw": "0"}, {"raw": "1"}]}}
    said = 'Attempting to set List field value with Array ["0","1"]'
    assert api.refused(422, "POST", path, several) == said


def test_a_field_is_cleared_by_null_nothing_and_an_empty_value(
    api: Api, columns: tuple[str, dict[FieldType, str]]
) -> None:
    path, ids = columns
    field = ids[FieldType.TEXT]
    item = api.ok("POST", path, {"fieldValues": {field: [{"raw": "x"}]}})
    for nothing in (None, [], [{"raw": None}], [{"raw": ""}]):
        address = f"{path}/{item['id']}"
        assert field in api.ok("PUT", address, {"fieldValues": {field: "x"}})["fieldValues"]
        assert field not in api.ok("PUT", address, {"fieldValues": {field: nothing}})["fieldValues"]


def test_a_text_that_is_no_good_is_refused_with_its_field(
    api: Api, columns: tuple[str, dict[FieldType, str]]
) -> None:
    path, ids = columns
    field, long = ids[FieldType.TEXT], "x" * 100_001
    value = [{"raw": "a\u0007b"}]
    control = "has control characters"
    for method, where, body, said in (
        ("POST", "/accounts", {"name": "a\u0000b"}, f"name {control}"),
        ("POST", "/accounts", {"name": "a\nb"}, f"name {control}"),
        ("POST", "/accounts", {"name": "x" * 501}, "name is longer than 500 characters"),
        ("POST", path, {"name": "x" * 501}, "name is longer than 500 characters"),
        ("POST", path, {"name": "\ud800"}, f"name {control}"),
        ("POST", path, {"fieldValues": {field: value}}, f"fieldValues.{field}[0].raw {control}"),
        ("POST", path, {"fieldValues": {field: [{"raw": long}]}},
         f"fieldValues.{field}[0].raw is longer than 100000 characters"),
        ("POST", "/contacts", {"properties": {"name": [{"value": "x" * 501}]}},
         "properties.name is longer than 500 characters"),
        ("POST", "/contacts", {"properties": {"email": [{"value": "x" * 321}]}},
         "properties.email is longer than 320 characters"),
        ("POST", "/contacts", {"properties": {"name": "Ann"}},
         "properties.name must be an array of objects with a value"),
        ("POST", "/contacts", {"properties": {"liurl": [{"value": "http://x.example/in/a"}]}},
         "Attempting to set LinkedIn field value with String http://x.example/in/a"),
        ("POST", "/accounts", {"name": 7}, "name must be text"),
        ("POST", "/accounts", {"name": "x", "fieldValues": []}, "fieldValues must be an object"),
        ("PUT", "/events", {"subject": "a", "body": "b", "participantIds": 1},
         "participantIds must be an array"),
        ("PUT", "/events", {"subject": None, "body": "b",
                            "participantIds": [{"type": "email", "value": "a@b.example"}]},
         "subject is required"),
    ):  # fmt: skip
        assert api.refused(422, method, where, body) == said
