"""W1, W2: a source's fields beside a list's in the dashboard: tried, mended, saved; no script."""

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from relay.crm.embedded import contacts, schema
from relay.crm.embedded.admin import NewField, create_field
from relay.crm.model import FieldType
from relay.pipeline import arrange
from relay.storage import sources
from relay.storage.events import Arrival, accept
from tests.web.house import Browser, House

FORM = (
    b"email=rena%40fernway.example&name=Rena&topic=Ready+to+buy&seats=about+40&when=1780286400000"
)
FIELDS = {
    "amount": '${"seats" in event.data.fields ? event.data.fields["seats"] : null}',
    "status": '${"topic" in event.data.fields ? event.data.fields["topic"] : null}',
    "close_date": '${"when" in event.data.fields ? event.data.fields["when"] : null}',
}
MAPPING = {"event": "form.submitted", "list": "Deals", "fields": FIELDS}
PAGE = "/sources/fair/fields"
LIKES = '${"likes" in event.data.fields ? event.data.fields["likes"] : null}'
SURVEY: dict[str, Any] = {
    "event": "form.submitted",
    "list": "Deals",
    "fields": {"interests": LIKES},
}


@pytest.fixture
def browser(house: House) -> Browser:
    """A form whose fields go into deals, and one that came in."""
    house.organization("fernway")
    org = house.orgs["fernway"]
    new = arrange.NewSource(type="webform", name="fair", mapping=MAPPING)
    row, _ = arrange.create_source(house.runtime, org, new, by="test")
    kind = {"content-type": "application/x-www-form-urlencoded"}
    arrival = Arrival(org=org, source=row.id, dkey=None, okey=None, headers=kind, body=FORM,
                      received_at=house.clock.now())  # fmt: skip
    fine = replace(arrival, body=b"email=bo%40fernway.example&seats=12")
    accept(house.runtime.db, [fine, arrival])
    return house.signed_in("fernway", "admin")


def stored(house: House) -> Any:
    with house.runtime.db.read() as conn:
        return sources.source_named(
            conn, house.runtime.vault, house.orgs["fernway"], "fair"
        ).mapping


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def form(**changed: Any) -> dict[str, Any]:
    return {"list": "Deals", "nobody": "create", "several": "usual",
            "from": list(FIELDS.values()), "to": list(FIELDS), **changed}  # fmt: skip


def test_a_delivery_shows_what_would_stop_and_the_day_a_date_becomes(
    house: House, browser: Browser
) -> None:
    text = words(browser.page(PAGE))
    assert "This delivery would stop at Amount." in text
    assert "Attempting to set Numeric field value with String about 40" in text
    assert "2026-06-01" in text
    assert "Contact made rena@fernway.example" in text
    assert "Stop and name them (as usual here)" in text
    with house.runtime.db.read() as conn:
        found = contacts.by_email(conn, house.orgs["fernway"], {"rena@fernway.example"})
    assert not found, "looking at it must change nothing"


def test_the_last_deliveries_are_tried_together(browser: Browser) -> None:
    text = words(browser.page(f"{PAGE}?all=yes"))
    assert "Of the last 2 deliveries, 1 would be saved whole and 1 would not." in text
    assert "Status, Amount refused" in text or "Amount, Status refused" in text


def test_what_would_stop_is_mended_with_a_button_and_saved(house: House, browser: Browser) -> None:
    text = words(browser.send(PAGE, **form(action="digits:amount")).get_data(as_text=True))
    assert "would stop at Amount" not in text
    assert "seats, digits only" in text
    assert stored(house) == MAPPING
    mended = dict(FIELDS)
    mended["amount"] = (
        '${("seats" in event.data.fields ? event.data.fields["seats"] : null) == null ? null'
        ' : digits(string(("seats" in event.data.fields ? event.data.fields["seats"] : null)))}'
    )
    given = form(**{"from": list(mended.values()), "action": "translate:status",
                    "sent-status": "Ready to buy", "option-status": "Proposal"})  # fmt: skip
    text = words(browser.send(PAGE, **given).get_data(as_text=True))
    assert "would stop" not in text
    assert "1 value translated" in text
    given = form(**{"from": list(mended.values()), "action": "save"})
    assert browser.send(PAGE, **given).status_code == 303
    assert stored(house)["fields"] == mended
    assert ("admin@fernway.example", "source mapped") in house.audited("fernway")


def test_a_translation_stays_until_it_is_saved(house: House, browser: Browser) -> None:
    given = form(**{"action": "translate:status", "sent-status": "Ready to buy",
                    "option-status": "Proposal"})  # fmt: skip
    page = browser.send(PAGE, **given).get_data(as_text=True)
    found = re.findall(r'name="(value-[^"]+)" value="([^"]*)"', page)
    kept = {name: unescape(text) for name, text in found}
    assert kept
    browser.send(PAGE, **form(action="save", **kept))
    assert stored(house)["values"] == {"status": {"Ready to buy": "Proposal"}}


def test_of_several_values_each_is_translated_by_itself(house: House, browser: Browser) -> None:
    """W2: the ones that the list knows stay as they are."""
    org, runtime = house.orgs["fernway"], house.runtime
    with runtime.db.write() as conn:
        deals = schema.schema(conn, org).called("Deals")
        interests = NewField(name="Interests", type=FieldType.LIST, options=("Sonar", "Training"),
                             is_multi=True)  # fmt: skip
        create_field(conn, org, list_id=deals.id, new=interests)
    new = arrange.NewSource(type="webform", name="survey", mapping=SURVEY)
    row, _ = arrange.create_source(runtime, org, new, by="test")
    body = b"email=bo%40fernway.example&likes=Sonar&likes=Courses&likes=Boats"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    accept(runtime.db, [Arrival(org=org, source=row.id, dkey=None, okey=None, headers=kind,
                                body=body, received_at=house.clock.now())])  # fmt: skip
    page = "/sources/survey/fields"
    assert "“Courses” means" in words(browser.page(page))
    fields = SURVEY["fields"]
    drawn = {"list": "Deals", "from": list(fields.values()), "to": list(fields)}
    tables = {"value-interests": '{"Courses": "Training"}'}
    text = words(browser.send(page, **drawn, **tables, action="try").get_data(as_text=True))
    assert "“Boats” means" in text
    both = {"value-interests": '{"Courses": "Training", "Boats": "Sonar"}'}
    text = words(browser.send(page, **drawn, **both, action="save").get_data(as_text=True))
    assert "would stop" not in words(browser.page(page))
    assert "Sonar, Training" in words(browser.page(page))


def test_fields_are_added_removed_and_begin_anew_on_another_list(
    house: House, browser: Browser
) -> None:
    page = browser.send(PAGE, **form(action="add")).get_data(as_text=True)
    assert "The new field of Deals" in page
    browser.send(PAGE, **form(action="save", **{"from": [*FIELDS.values(), "40"],
                                                "to": [*FIELDS, "seats"]}))  # fmt: skip
    assert stored(house)["fields"]["seats"] == "40"
    browser.send(PAGE, **form(action="save", several="newest",
                              **{"from": [FIELDS["status"]], "to": ["status"]}))  # fmt: skip
    assert stored(house)["fields"] == {"status": FIELDS["status"]}
    assert stored(house)["several"] == "newest"
    text = words(browser.send(PAGE, **form(action="try", list="Leads")).get_data(as_text=True))
    assert "Field of Leads" in text
    assert "would stop" not in text


def test_a_list_that_is_gone_is_said_and_another_can_be_chosen(
    house: House, browser: Browser
) -> None:
    gone = {**MAPPING, "list": "Gone"}
    arrange.set_source_mapping(house.runtime, house.orgs["fernway"], "fair", gone, by="test")
    text = words(browser.page(PAGE))
    assert "There is no list &#39;Gone&#39;" in text
    browser.send(PAGE, list="Leads", action="save")
    assert stored(house)["list"] == "Leads"


def test_no_mapping_and_the_usual_one(house: House, browser: Browser) -> None:
    browser.send(PAGE, **form(action="none"))
    assert stored(house) is None
    assert "It has no field mapping" in words(browser.page(PAGE))
    text = words(browser.send(PAGE, action="usual").get_data(as_text=True))
    assert "Leads" in text
    assert stored(house) is None


def test_an_operator_sees_the_fields_and_cannot_change_them(house: House, browser: Browser) -> None:
    del browser
    operator = house.signed_in("fernway", "operator")
    assert "Save the fields" not in operator.page(PAGE)
    assert operator.send(PAGE, **form(action="save")).status_code == 403
