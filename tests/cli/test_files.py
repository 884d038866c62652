"""`relay import` and `relay export`: nothing half imported, nothing made twice, all of it back."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from tests.cli.shell import Shell

PEOPLE = """\
email,name,phone,title
ann@acme.test,Ann Fisher,(415) 555-0134,CTO
bob@acme.test; bob@home.test,Bob,,
"""
BROKEN = """\
email,name,nickname
ann@acme.test,Ann,A

not an address,Bob,B
cy@acme.test,Cy,C,too many
,Di,D
"ed@acme.test","E\x07d",E
"""


def file(shell: Shell, name: str, text: str | bytes) -> str:
    path = Path(shell.env["RELAY_HOME"]).parent / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def contacts(shell: Shell) -> Any:
    return shell.document("export", "contacts")["data"]


def test_people_come_in_and_the_same_file_again_makes_nothing_twice(shell: Shell) -> None:
    path = file(shell, "people.csv", "\ufeff" + PEOPLE)
    before = len(contacts(shell))
    told = shell.document("import", "contacts", path)
    assert (told["lines"], told["created"], told["stored"]) == (2, 2, True)
    again = shell.document("import", "contacts", path)
    assert (again["created"], again["updated"], again["same"]) == (0, 0, 2)
    found = contacts(shell)
    assert len(found) == before + 2
    ann = next(one for one in found if one["properties"]["name"][0]["value"] == "Ann Fisher")
    assert ann["properties"]["phone"][0]["value"] == "+14155550134"
    more = json.dumps({"email": "bob@home.test", "company": "Acme", "title": None})
    told = shell.document("import", "contacts", "-", "--format", "jsonl", given=more)
    assert (told["updated"], told["created"]) == (1, 0)
    assert len(shell.house.events(kind="transition")) == 0


def test_while_a_line_is_bad_nothing_is_stored(shell: Shell) -> None:
    path = file(shell, "broken.csv", BROKEN)
    before = len(contacts(shell))
    told = shell.document("import", "contacts", path, status=1)
    assert (told["lines"], told["bad_lines"], told["stored"]) == (5, 4, False)
    assert [one["line"] for one in told["bad"]] == [4, 5, 6, 7]
    reasons = " ".join(one["reason"] for one in told["bad"])
    for reason in ("is not an e-mail address", "more values than the heading", "email is needed",
                   "name has control characters"):  # fmt: skip
        assert reason in reasons
    assert len(contacts(shell)) == before
    said = shell.read("import", "contacts", path, status=1)
    assert "line 4: 'not an address' is not an e-mail address" in said
    assert "4 of 5 lines are bad; nothing was stored." in said
    told = shell.document("import", "contacts", path, "--skip-bad", status=1)
    assert (told["created"], told["stored"]) == (1, True)


def test_what_is_no_text_and_no_json_is_told_by_line(shell: Shell) -> None:
    lines = b'{"email": "a@b.test"}\n[1]\n{"email": \n\xff\xfe\n{"email": {"a": 1}}\n'
    told = shell.document("import", "contacts", file(shell, "x.jsonl", lines), status=1)
    assert [one["line"] for one in told["bad"]] == [2, 3, 4, 5]
    bad = b"email,name\nann@acme.test,\xff\xfe\n"
    told = shell.document("import", "contacts", file(shell, "x.csv", bad), status=1)
    assert told["bad"] == [{"line": 2, "reason": "name has control characters"}]
    told = shell.document("import", "contacts", file(shell, "y.csv", "email,email\n"), status=1)
    assert told["bad"][0]["line"] == 1
    assert "is no such" not in shell.refused("import", "items", file(shell, "z.csv", PEOPLE))


def test_items_come_with_their_accounts_and_people(shell: Shell) -> None:
    lines = (
        "name,account,contacts,Status,Amount,close_date,owner\n"
        "Big,Globex,ann@acme.test; bob@acme.test,negotiation,1500.50,2026-2-1,owner@acme.example\n"
        "Small,Globex,,Lead,,,\n"
    )
    owner = shell.document("user", "list")["data"][0]["email"]
    path = file(shell, "deals.csv", lines.replace("owner@acme.example", owner))
    told = shell.document("import", "items", path, "--list", "Deals")
    assert told["created"] == 2
    assert shell.document("import", "items", path, "--list", "Deals")["same"] == 2
    rows = shell.document("export", "items", "--list", "Deals")["data"]
    big = next(row for row in rows if row["name"] == "Big")
    assert (big["account"], big["contacts"]) == ("Globex", ["ann@acme.test", "bob@acme.test"])
    assert (big["status"], big["amount"], big["close_date"]) == (
        "Negotiation", "1500.50", "2026-02-01",
    )  # fmt: skip
    change = f"id,Amount\n{big['id']},1600\n"
    told = shell.document("import", "items", file(shell, "c.csv", change), "--list", "Deals")
    assert told["updated"] == 1
    more = "account,seats\nGlobex,7\nglobex,8\n"
    path = file(shell, "m.csv", more)
    told = shell.document("import", "items", path, "--list", "Deals", "--match", "account")
    assert (told["created"], told["updated"]) == (0, 2)
    bad = "name,Amont\nx,1\ny,1\n"
    told = shell.document("import", "items", file(shell, "b.csv", bad), "--list", "Deals", status=1)
    assert "did you mean 'amount'" in told["bad"][0]["reason"]


def test_what_is_exported_can_be_imported_and_says_nothing_new(shell: Shell) -> None:
    shell.document("import", "contacts", file(shell, "people.csv", PEOPLE))
    for kind, more in (("contacts", ()), ("accounts", ()), ("items", ("--list", "Deals"))):
        for format in ("csv", "jsonl"):
            text = shell.read("export", kind, *more, "--format", format)
            assert text.count("\n") > 2
            told = shell.document("import", kind, *more, file(shell, f"again.{format}", text))
            assert told["same"] == told["lines"], (kind, format, told)
    heading = next(csv.reader(io.StringIO(shell.read("export", "contacts"))))
    assert heading[:3] == ["id", "email", "name"]


def test_a_spreadsheet_computes_nothing_that_a_stranger_wrote(shell: Shell) -> None:
    formula = '=HYPERLINK("https://evil.example","Ann")'
    person = json.dumps({"email": "ann@acme.test", "name": formula, "phone": "+14155550134"})
    shell.document("import", "contacts", "-", "--format", "jsonl", given=person)
    text = shell.read("export", "contacts")
    rows = list(csv.DictReader(io.StringIO(text)))
    row = next(row for row in rows if row["email"] == "ann@acme.test")
    assert (row["name"], row["phone"]) == (f"'{formula}", "+14155550134")
    told = shell.document("import", "contacts", file(shell, "back.csv", text))
    assert told["same"] == told["lines"]


def test_an_import_sets_rules_off_where_it_is_asked_to(shell: Shell) -> None:
    rows = shell.document("export", "items", "--list", "Deals")["data"]
    text = f"id,status\n{rows[0]['id']},Lead\n"
    shell.document("import", "items", "--list", "Deals", "--rules", file(shell, "x.csv", text))
    assert len(shell.house.events(kind="transition")) == 1
