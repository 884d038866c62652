"""What people change in the dashboard: who may, that it is asked for, and what comes of it."""

import io
import re

from sqlalchemy import delete, update

from relay.crm.embedded import grid
from relay.pipeline.definitions import Definer, field_called, fields_of
from relay.storage import connections, sources
from relay.storage.tables import metadata
from tests.web.house import House
from tests.web.records import RULE, Records
from tests.web.routes import routes


def test_a_change_without_the_token_of_a_form_is_refused(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    for route in routes(house.app, "POST"):
        response = browser.send(route.path(acme), csrf=False, paused="yes", value="Paid")
        assert response.status_code == 400, route.rule.rule
        assert "nothing was changed" in response.get_data(as_text=True)


def test_the_token_of_another_browser_is_of_no_use(house: House, acme: Records) -> None:
    mine, other = house.signed_in("acme"), house.signed_in("acme", "admin")
    mine.token = other.token
    response = mine.send("/rules/deal-won/pause", paused="yes")
    assert response.status_code == 400


def test_a_viewer_changes_nothing(house: House, acme: Records) -> None:
    browser = house.signed_in("acme", "viewer")
    own = {"sign_in", "sign_out", "preferences", "skip_first_steps"}
    for route in routes(house.app, "POST"):
        if route.name in own:
            continue
        response = browser.send(route.path(acme), value="Paid", paused="yes", name="x", scope="x")
        assert response.status_code == 403, route.rule.rule


def test_a_status_is_changed_in_the_grid_and_becomes_an_event(house: House, acme: Records) -> None:
    browser = house.signed_in("acme", "operator")
    opened = browser.page(f"/lists/{acme.list}?edit={acme.item}.status")
    assert "Deal Won asks 1 rule:" in opened
    assert "Book a won deal: Sales receipt in QuickBooks Online, once" in opened
    response = browser.send(f"/lists/{acme.list}/items/{acme.item}/status", value="Deal Won")
    assert response.status_code == 303
    assert f"item={acme.item}" in response.location
    with house.runtime.db.read() as conn:
        row = grid.one(conn, house.orgs["acme"], acme.item)
    assert row.cells["status"] == "Deal Won"
    events = browser.page("/events?kind=transition")
    assert "list_item.updated" in events or "transition" in events


def test_what_a_change_will_not_start_says_why(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    with house.runtime.db.read() as conn:
        rows = grid.page(
            conn, house.orgs["acme"], acme.list, grid.View(name="Granite workshop")
        ).rows
    opened = browser.page(f"/lists/{acme.list}?edit={rows[0].item.id}.status")
    assert "Book a won deal: not, Amount is empty" in opened


def test_a_refused_value_is_said_beside_its_cell_and_changes_nothing(
    house: House, acme: Records
) -> None:
    browser = house.signed_in("acme")
    response = browser.send(f"/lists/{acme.list}/items/{acme.item}/amount", value="a lot")
    text = response.get_data(as_text=True)
    assert response.status_code == 422
    assert "Attempting to set" in text
    assert "a lot" in text
    with house.runtime.db.read() as conn:
        row = grid.one(conn, house.orgs["acme"], acme.item)
    assert str(row.cells["amount"]) == "1250.00"


def test_an_item_is_made_in_the_grid(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    response = browser.send(
        f"/lists/{acme.list}/items", name="Orrin Bakery", email="jo@orrin.example", status="Lead"
    )
    assert response.status_code == 303
    assert "Orrin Bakery" in browser.page(response.location)


def test_a_paused_connection_says_so_on_every_page_until_it_goes_on(
    house: House, acme: Records
) -> None:
    browser = house.signed_in("acme", "operator")
    browser.send(f"/connections/{acme.connection}/state", paused="yes")
    with house.runtime.db.read() as conn:
        (row,) = connections.all_connections(conn, house.orgs["acme"])
    assert (row.state, row.reason) == ("paused", "paused by operator@acme.example")
    waits = 'Connections<span class="counter bad">1<'
    assert waits in browser.page("/events")
    browser.send(f"/connections/{acme.connection}/state", paused="no")
    assert waits not in browser.page("/events")
    assert ("operator@acme.example", "connection paused") in house.audited("acme")


def test_held_bookings_are_said_on_every_page(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    browser.send("/rules/bookings", held="yes")
    assert "All bookings are held." in browser.page("/events")
    browser.send("/rules/bookings", held="no")
    assert "All bookings are held." not in browser.page("/events")


def test_a_rule_is_paused_at_once(house: House, acme: Records) -> None:
    browser = house.signed_in("acme")
    browser.send("/rules/deal-won/pause", paused="yes")
    text = browser.page("/rules/deal-won")
    assert "Paused</b> by owner@acme.example" in text


def test_a_rule_file_with_an_error_leaves_the_live_rules_and_says_where(
    house: House, acme: Records
) -> None:
    browser = house.signed_in("acme")
    wrong = RULE.replace("to: Deal Won", "to: Deal won")
    file = (io.BytesIO(wrong.encode()), "deals.yaml")
    assert browser.send("/rules/apply", file=file).status_code == 302
    text = browser.page("/rules")
    assert "The last apply was refused; the rules before it are live." in text
    assert "rules/deals.yaml:5" in text
    good = (io.BytesIO(RULE.replace("> 0", "> 5").encode()), "deals.yaml")
    browser.send("/rules/apply", file=good)
    assert "refused" not in browser.page("/rules")
    assert "&gt; 5" in browser.page("/rules/deal-won")


def test_a_source_shows_its_secret_once(house: House, acme: Records) -> None:
    browser = house.signed_in("acme", "admin")
    made = browser.send("/sources", type="webhook", name="billing").get_data(as_text=True)
    assert "Copy the secret into the sender now" in made
    with house.runtime.db.read() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.orgs["acme"], "billing")
    secret = row.secrets[0]["value"]
    assert secret in made
    assert secret not in browser.page("/sources/billing")
    assert f"/in/webhook/{row.token}" in browser.page("/sources/billing")
    again = browser.send("/sources/billing/rotate").get_data(as_text=True)
    assert secret not in again
    with house.runtime.db.read() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.orgs["acme"], "billing")
    assert row.config(house.clock.now()).secrets[1] == secret


def test_a_name_that_is_taken_is_said_beside_the_form(house: House, acme: Records) -> None:
    response = house.signed_in("acme").send("/sources", type="webform", name="website")
    assert "There is a source" in re.sub(r"\s+", " ", response.get_data(as_text=True))


def test_an_admin_makes_a_list_with_fields_and_options(house: House, acme: Records) -> None:
    browser = house.signed_in("acme", "admin")
    made = browser.send("/lists", title="Renewals", type="account", sales="yes")
    path = made.headers["Location"].removesuffix("/fields")
    browser.send(f"{path}/fields", name="Region", type="List", options="North\nSouth")
    browser.send(f"{path}/fields/region/options", name="West")
    browser.send(f"{path}/fields/region/options/North/rename", name="Far North")
    browser.send(f"{path}/fields/region/options/South/delete")
    page = browser.page(f"{path}/fields")
    assert "Far North" in page
    assert "South" not in page
    refused = browser.send(f"{path}/fields", name="Status", type="Text")
    assert refused.status_code == 409
    assert "would both be" in refused.get_data(as_text=True)
    browser.send(f"{path}/fields/region/rename", name="Area")
    browser.send(f"{path}/fields/area/delete")
    browser.send(f"{path}/rename", title="Renewed")
    assert "Renewed" in browser.page("/lists")
    browser.send(f"{path}/delete")
    assert "Renewed" not in browser.page("/lists")
    assert "Primary Contact" in browser.page("/lists/accounts/fields")
    for sent in ("/lists", f"/lists/{acme.list}/delete", f"/lists/{acme.list}/fields"):
        assert house.signed_in("acme", "operator").send(sent, title="x").status_code == 403


def test_an_admin_lets_people_in_and_gives_no_role_above_their_own(house: House) -> None:
    browser = house.signed_in("acme", "admin")
    made = browser.send("/settings/people", name="Cy", email="cy@acme.example", role="operator")
    page = made.get_data(as_text=True)
    password = re.search(r'aria-label="Password">([^<]+)<', page)
    assert password is not None
    assert house.browser().sign_in("cy@acme.example", password[1]).status_code == 302
    assert password[1] not in browser.page("/settings")
    above = browser.send("/settings/people", name="Di", email="di@acme.example", role="owner")
    assert above.status_code == 422
    ids = dict(re.findall(r"/people/(\w+)/role.+?Role of (\w+)", browser.page("/settings")))
    owner = next(id for id, name in ids.items() if name == "Owner")
    cy = next(id for id, name in ids.items() if name == "Cy")
    assert browser.send(f"/settings/people/{owner}/role", role="viewer").status_code == 422
    assert browser.send(f"/settings/people/{cy}/role", role="viewer").status_code == 303
    assert browser.send("/settings/key-limit", limit="7").status_code == 303
    assert "of 7 in use" in browser.page("/settings")
    assert browser.send("/settings/key-limit", limit="many").status_code == 422
    told = {action for _, action in house.audited("acme")}
    assert {"user created", "role changed", "organization changed"} <= told


def test_a_file_is_imported_whole_or_not_at_all(house: House, acme: Records) -> None:
    browser = house.signed_in("acme", "operator")

    def send(text: str, **fields: str) -> str:
        file = (io.BytesIO(text.encode()), "people.csv")
        return browser.send("/import", file=file, **fields).get_data(as_text=True)

    told = send("email,name\nann@acme.test,Ann\nnobody,Bob\n", kind="contacts")
    assert "1 of 2 lines are bad; nothing was stored" in told
    assert "is not an e-mail address" in told
    assert "ann@acme.test" not in browser.page("/export.csv?kind=contacts")
    told = send("email,name\nann@acme.test,Ann\n", kind="contacts")
    assert "1 created, 0 updated" in told
    assert "ann@acme.test" in browser.page("/export.csv?kind=contacts")
    deals = "account,status\nGlobex,Lead\n"
    assert "1 created" in send(deals, kind="items", list=acme.list)
    assert "Globex" in browser.page(f"/export.csv?kind=items&list={acme.list}")
    assert "items of which list" in send(deals, kind="items").lower()


def test_rules_that_no_longer_fit_a_list_are_named_on_the_page(house: House, acme: Records) -> None:
    """A field that the live rule reads gets another name, although it is in use."""
    org, runtime = house.orgs["acme"], house.runtime
    with runtime.db.read() as conn:
        status = field_called(fields_of(conn, org, acme.list), "status").id
    forced = Definer(runtime=runtime, org=org, by="me", force=True)
    forced.rename_field(acme.list, status, "Stage")
    browser = house.signed_in("acme", "viewer")
    text = browser.page("/rules")
    assert "The live rules no longer fit the lists" in text
    assert "R108: unknown field" in text
    assert "The live rules no longer fit the lists" in browser.page("/")
    Definer(runtime=runtime, org=org, by="me").rename_field(acme.list, status, "Status")
    assert "no longer fit" not in browser.page("/rules")


def test_a_rule_file_is_tried_on_what_happened_and_does_not_go_live(
    house: House, acme: Records
) -> None:
    browser = house.signed_in("acme", "operator")
    browser.send(f"/lists/{acme.list}/items/{acme.item}/status", value="Deal Won")
    asked = browser.page("/rules/dry-run?set=live&days=7")
    assert "looked at" in asked
    changed = RULE.replace("Book a won deal", "Book it").encode()
    tried = browser.send("/rules/dry-run", file=(io.BytesIO(changed), "deals.yaml"), days="7")
    assert "looked at" in tried.get_data(as_text=True)
    bad = browser.send("/rules/dry-run", file=(io.BytesIO(b"version: 2"), "deals.yaml"))
    assert bad.status_code == 422
    assert "Book it" not in browser.page("/rules/deal-won")


def test_what_failed_of_one_cause_is_dismissed_with_a_reason(house: House, acme: Records) -> None:
    runs = metadata.tables["runs"]
    with house.runtime.db.write() as conn:
        conn.execute(update(runs).values(state="failed", reason="item 17 is not there"))
    browser = house.signed_in("acme", "operator")
    page = browser.page("/dead")
    assert "item 17 is not there" in page
    found = re.search(r"/dead/replay\?cause=(\w+)", page)
    assert found is not None
    again = browser.page(f"/dead/replay?cause={found[1]}")
    assert "Replay it" in again
    assert browser.send("/dead/dismiss", cause=found[1], reason="").status_code == 422
    assert browser.send("/dead/dismiss", cause=found[1], reason="by hand").status_code == 303
    assert "Runs that failed" not in browser.page("/dead")


def test_a_rule_is_tested_on_a_stored_event(house: House, acme: Records) -> None:
    browser = house.signed_in("acme", "viewer")
    assert "It ran for" in browser.page(f"/rules/deal-won/try?event={acme.event}")
    with house.runtime.db.write() as conn:
        conn.execute(delete(metadata.tables["runs"]))
    away = browser.page(f"/rules/deal-won/try?event={acme.event}")
    assert "It does not look at" in away
    operator = house.signed_in("acme", "operator")
    operator.send(f"/lists/{acme.list}/items/{acme.item}/status", value="Deal Won")
    found = re.search(r"evt_\d+", operator.page("/events?kind=transition"))
    assert found is not None
    assert browser.get(f"/rules/deal-won/try?event={found[0]}").status_code == 409
    house.put(
        "event_outcomes", event_id=int(found[0][4:]), org_id=house.orgs["acme"], state="routed",
        type="list_item.updated", at=house.clock.now(),
    )  # fmt: skip
    would = browser.page(f"/rules/deal-won/try?event={found[0]}")
    assert "It would look at it" in would
    assert "Sales receipt in QuickBooks Online" in would
