"""Files to and from a remote Relay: the same words as here, in parts where they are large."""

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from flask import Flask, Response

from relay.cli import files_afar
from relay.cli.parts import parts
from tests.cli.shell import Shell, open_shell
from tests.cli.test_files import BROKEN, PEOPLE, file
from tests.serving import served
from tests.stores import SQLite

MANY = "email,name\n" + "".join(
    f'p{n}@acme.test,"Person\n{n}"\n' if n % 3 == 0 else f"p{n}@acme.test,Person {n}\n"
    for n in range(30)
)


@pytest.fixture
def shell(sqlite: SQLite, tmp_path: Path) -> Iterator[Shell]:
    with open_shell(sqlite, tmp_path) as opened:
        yield opened


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_afar, "parts", partial(parts, size=300))


def test_the_same_is_said_of_a_file_here_and_from_afar(shell: Shell) -> None:
    path = file(shell, "broken.csv", BROKEN)
    here = shell.document("import", "contacts", path, status=1)
    assert shell.document("import", "contacts", path, *shell.remote, status=1) == here
    said = shell.read("import", "contacts", path, "--check", status=1)
    assert shell.read("import", "contacts", path, "--check", *shell.remote, status=1) == said
    told = shell.document("import", "contacts", file(shell, "p.csv", PEOPLE), *shell.remote)
    assert (told["created"], told["stored"]) == (2, True)
    assert shell.document("import", "contacts", file(shell, "p.csv", PEOPLE))["same"] == 2
    deal = json.dumps({"name": "Big", "account": "Globex", "status": "Lead"})
    words = ("import", "items", "-", "--list", "Deals", "--format", "jsonl")
    assert shell.document(*words, *shell.remote, given=deal)["created"] == 1
    assert shell.document(*words, given=deal)["same"] == 1


@pytest.mark.parametrize(
    ("kind", "more"), [("contacts", ()), ("accounts", ()), ("items", ("--list", "Deals"))]
)
def test_what_is_written_is_the_same_from_afar(
    shell: Shell, kind: str, more: tuple[str, ...]
) -> None:
    for format in ("csv", "jsonl"):
        words = ("export", kind, *more, "--format", format)
        assert shell.read(*words, *shell.remote) == shell.read(*words)
    assert shell.document("export", kind, *more, *shell.remote) == shell.document(
        "export", kind, *more
    )


@pytest.mark.usefixtures("small_parts")
def test_a_large_file_goes_in_parts_and_is_checked_whole_first(shell: Shell) -> None:
    bad = MANY.replace("p27@acme.test", "nobody")
    path = file(shell, "many.csv", bad)
    here = shell.document("import", "contacts", path, status=1)
    assert here["bad"][0]["line"] > 30
    assert shell.document("import", "contacts", path, *shell.remote, status=1) == here
    told = shell.document("import", "contacts", path, "--skip-bad", *shell.remote, status=1)
    assert (told["lines"], told["created"], told["bad"]) == (30, 29, here["bad"])
    told = shell.document("import", "contacts", file(shell, "many.csv", MANY), *shell.remote)
    assert (told["created"], told["same"], told["stored"]) == (1, 29, True)


def test_no_record_is_torn_and_every_part_has_the_heading() -> None:
    found = list(parts(io.BytesIO(MANY.encode()), "csv", 300))
    assert len(found) >= 3
    assert all(part.content.startswith(b"email,name\n") for part in found)
    assert b"".join(part.content.removeprefix(b"email,name\n") for part in found) == (
        MANY.encode().removeprefix(b"email,name\n")
    )
    for part in found[1:]:
        line = part.content.splitlines()[1]
        assert MANY.encode().splitlines()[part.before + 1] == line
    lines = b"".join(b'{"email": "p%d@acme.test"}\n' % n for n in range(30))
    assert b"".join(part.content for part in parts(io.BytesIO(lines), "jsonl", 100)) == lines
    assert [part.content for part in parts(io.BytesIO(b""), "csv")] == [b""]


@pytest.mark.usefixtures("small_parts")
def test_what_breaks_off_says_what_was_taken(shell: Shell) -> None:
    app, asked = Flask("breaks"), [0]

    @app.post("/api/v1/import/contacts")
    def take() -> Response:
        asked[0] += 1
        report = {"lines": 9, "created": 9, "updated": 0, "same": 0, "stored": True,
                  "bad_lines": 0, "bad": []}  # fmt: skip
        checked = len(list(parts(io.BytesIO(MANY.encode()), "csv", 300)))
        broken = asked[0] > checked + 1
        return Response(b'{"step":' if broken else json.dumps(report), mimetype="text/plain")

    @app.get("/api/v1/export/contacts")
    def give() -> Response:
        return Response(iter([b"email\r\na@b.test\r\n"]), headers={"Content-Length": "99"})

    with served(app) as url:
        remote = ("--url", url, "--key", "KEY:SECRET")
        said = shell.refused("import", "contacts", file(shell, "m.csv", MANY), *remote)
        assert "9 lines were taken before: send the file again, which makes nothing twice" in said
        assert "the connection broke after 2 lines" in shell.refused("export", "contacts", *remote)


def test_a_wrong_list_is_told_as_here(shell: Shell) -> None:
    words = ("export", "items", "--list", "Dealz")
    assert shell.refused(*words, *shell.remote) == shell.refused(*words)
    assert "of which list" in shell.refused("export", "items", *shell.remote)
