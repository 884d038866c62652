"""W1, W2: a person maps a source's fields, and sees what its deliveries would become."""

from pathlib import Path

import httpx
import orjson

from relay.crm.embedded import schema
from relay.crm.embedded.admin import NewField, create_field
from relay.crm.model import FieldType
from tests.cli.shell import Shell

FORM = {
    "email": "ann@example.com",
    "name": "Ann Lee",
    "company": "Acme Ltd",
    "Seats": "about 40",
    "start": "1780286400000",
    "Interests": ["Sonar", "Training"],
    "rep": "OWNER@relay.example",
}


def lead_fields(shell: Shell) -> None:
    """Leads with a number, a date and several choices."""
    house = shell.house
    with house.runtime.db.write() as conn:
        leads = schema.schema(conn, house.made.org).called("Leads")
        for new in (
            NewField(name="Seats", type=FieldType.NUMERIC),
            NewField(name="Start Date", type=FieldType.DATE),
            NewField(name="Interests", type=FieldType.LIST, options=("Sonar", "Training"),
                     is_multi=True),
        ):  # fmt: skip
            create_field(conn, house.made.org, list_id=leads.id, new=new)


def test_fields_are_shown_beside_each_other_mapped_tried_and_saved(
    shell: Shell, tmp_path: Path
) -> None:
    lead_fields(shell)
    house = shell.house
    house.post("website", data=FORM)
    house.settle()

    beside = shell.document("source", "fields", "website")
    assert not beside["from_sample"]
    sent = {one["name"]: one["sent"] for one in beside["fields"]}
    assert sent["Seats"] == "about 40"
    # By name and by type: Seats takes a number, and this is none.
    assert set(beside["proposed"]) == {"interests"}
    assert "fits interests" in shell.read("source", "fields", "website")

    told = shell.document("source", "map", "website", "--field", "seats=Seats",
                          "--field", "start_date=start", "--field", "interests=Interests",
                          "--field", "owner=rep", "--several", "newest")  # fmt: skip
    cells = {one["slug"]: one for one in told["preview"]["fields"]}
    assert cells["start_date"]["then"] == "2026-06-01"
    assert cells["interests"]["then"] == ["Sonar", "Training"]
    assert cells["owner"]["then"] == "Robin Owner"
    assert cells["account_name"]["now"] == cells["account_name"]["then"] == "Acme Ltd"
    assert cells["seats"]["refused"] == (
        "Attempting to set Numeric field value with String about 40"
    )
    assert cells["seats"]["from"] == "event.data.fields.Seats"
    assert not told["preview"]["would_save"]
    assert told["preview"]["contact"]["created"] is False

    told = shell.document("source", "map", "website", "--field", "interests=Interests",
                          "--translate", "interests:Sonar=Training")  # fmt: skip
    cells = {one["slug"]: one for one in told["preview"]["fields"]}
    assert cells["interests"]["then"] == ["Training"]
    shell.read("source", "map", "website", "--translate", "interests:Sonar=Sonar")

    text = shell.read("source", "preview", "website", status=1)
    assert "refused: Attempting to set Numeric field value with String about 40" in text
    shell.read("source", "map", "website", "--field", "seats=")
    assert "Start Date            empty → 2026-06-01" in shell.read("source", "preview", "website")

    over_http = httpx.post(f"{house.base_url}/api/v1/sources/website/preview", json={},
                           auth=(house.made.key, house.made.secret), trust_env=False)  # fmt: skip
    assert over_http.json() == shell.document("source", "preview", "website")

    # Nothing of it was done, and the next form is.
    assert "Start Date" not in house.item("Leads", "Ann Lee")["shown"]
    house.post("website", data=FORM)
    house.settle()
    assert house.item("Leads", "Ann Lee")["shown"]["Interests"] == ["Sonar", "Training"]

    file = tmp_path / "mapping.json"
    file.write_bytes(orjson.dumps({"event": "form.submitted", "list": "Nowhere", "fields": {}}))
    told = shell.document("source", "preview", "website", "--mapping", str(file), status=1)
    assert told["stopped"] == "there is no list 'Nowhere'"


def test_a_new_source_shows_its_sample_and_can_fill_a_list_of_accounts(shell: Shell) -> None:
    made = shell.document("source", "create", "fullcontact", "--name", "fair", "--list", "Deals")
    assert made["mapping"]["account"] == "${event.data.company}"
    beside = shell.document("source", "fields", "fair")
    assert beside["from_sample"]
    told = shell.document("source", "preview", "fair")
    assert told["would_save"]
    assert (told["contact"]["created"], told["item"]["list"]) == (True, "Deals")
    assert shell.document("source", "map", "fair", "--none") == {"mapping": None}
    again = shell.document("source", "map", "fair", "--usual", "--nobody", "report")["mapping"]
    assert (again["list"], again["nobody"]) == ("Leads", "report")


def test_a_type_is_needed_where_nobody_can_be_asked(shell: Shell) -> None:
    assert "TYPE is missing" in shell.refused("source", "create", status=2)
