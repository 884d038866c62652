"""The command line: what it answers, how it ends, and how soon."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from relay.cli import COMMANDS, cli
from relay.cli.invocation import Invocation
from relay.core.errors import InvalidInput, NotFound
from relay.variables import VARIABLES

Run = Callable[..., Result]


@click.command()
@click.argument("what")
@click.pass_obj
def probe(invocation: Invocation, what: str) -> None:
    """A command as any other, for these tests."""
    if what == "absent":
        raise NotFound("there is no event evt_9")
    if what == "wrong":
        raise InvalidInput("The list cannot be made", {"name": ["is missing"]})
    said = {"json": invocation.json, "org": invocation.settings.org, "key": invocation.key}
    invocation.show(said, "in words")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setitem(COMMANDS, "probe", (f"{__name__}:probe", "A probe."))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def call(*args: str, **env: str) -> Result:
        given = {"RELAY_HOME": str(tmp_path), **env}
        return CliRunner().invoke(cli, args, obj=Invocation(env=given), env=env)

    return call


@pytest.mark.parametrize(
    "args",
    [("--json", "--org", "acme", "probe", "x"), ("probe", "x", "--org", "acme", "--json")],
)
def test_the_common_options_mean_the_same_before_and_after_a_command(
    run: Run, args: tuple[str, ...]
) -> None:
    done = run(*args, RELAY_KEY="k:s")
    assert json.loads(done.stdout) == {"json": True, "org": "acme", "key": "k:s"}


def test_without_json_a_person_reads_words(run: Run) -> None:
    assert run("probe", "x").stdout == "in words\n"


def test_an_error_of_ours_is_one_line_and_status_one(run: Run) -> None:
    done = run("probe", "absent", "--json")
    assert (done.exit_code, done.stdout, done.stderr) == (
        1,
        "",
        "Error: there is no event evt_9\n",
    )
    assert run("probe", "wrong").stderr == "Error: The list cannot be made (name: is missing)\n"


def test_wrong_use_is_status_two(run: Run) -> None:
    assert run("probe").exit_code == 2
    assert run("no-such-noun").exit_code == 2
    assert "No such command 'no-such-noun'" in run("no-such-noun").stderr


def test_a_wrong_setting_is_told_in_one_line(run: Run) -> None:
    done = run("probe", "x", PORT="eighty")
    assert done.exit_code == 1
    assert done.stderr == "Error: PORT is 'eighty'; it must be a port number from 1 to 65535\n"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_exists_and_says_what_it_is_for(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"])
    assert done.exit_code == 0
    assert COMMANDS[name][1]
    assert "--json" in done.stdout


def test_the_list_of_commands_imports_none_of_them() -> None:
    program = (
        "import sys; from relay.cli import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: print({'sqlalchemy', 'flask', 'celery', 'redis'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30
    )
    assert done.stdout.endswith("set()\n")


def test_the_doctor_finds_a_fresh_machine_well(run: Run) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    done = run("doctor", "--json", PORT=port)
    found = json.loads(done.stdout)
    assert (done.exit_code, found["ok"]) == (0, True)
    assert [check["what"] for check in found["checks"]] == [
        "Python",
        "disk",
        "database",
        "broker",
        "port",
        "rules",
    ]


def test_the_doctor_names_what_is_wrong(run: Run, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        done = run(
            "doctor",
            "--json",
            PORT=str(holder.getsockname()[1]),
            RELAY_REDIS_URL="redis://:hunter2@127.0.0.1:1/0",
            RELAY_RULES_DIR=str(tmp_path / "absent"),
            RELAY_HOEM="x",
        )
    assert done.exit_code == 1
    wrong = {
        each["what"]: each["seen"] for each in json.loads(done.stdout)["checks"] if not each["ok"]
    }
    assert set(wrong) == {"settings", "broker", "port", "rules"}
    assert wrong["settings"].endswith("did you mean RELAY_HOME?")
    assert "hunter2" not in done.stdout


def test_the_doctor_looks_at_a_running_broker(run: Run, valkey: str) -> None:
    done = run("doctor", "--json", RELAY_REDIS_URL=valkey)
    broker = next(c for c in json.loads(done.stdout)["checks"] if c["what"] == "broker")
    assert broker["ok"]
    assert broker["seen"].startswith("answers, version ")
