"""Real processes started, watched, stopped and killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from relay.core.errors import InvalidInput
from relay.supervisor import broker
from relay.supervisor.home import Home, check_port
from relay.supervisor.programs import Program
from relay.supervisor.tree import StartFailed, Tree
from tests.house.small_relay import python
from tests.stores import until

pytestmark = pytest.mark.processes
SCRIPT = Path(__file__).with_name("small_relay.py")
SECONDS = 15


class Relay:
    """A small Relay in a process of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.process = subprocess.Popen(
            [sys.executable, SCRIPT, home, str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def pid(self, name: str) -> int:
        path = self.home / "run" / f"{name}.pid"
        return int(path.read_text().split()[0]) if path.exists() else 0

    def guardian(self) -> int:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = path.read_text().split()
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
        found = [int(pid) for pid, command in commands.items() if b"guardian.py" in command]
        return found[0] if found else 0

    def answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def log(self, name: str) -> str:
        return (self.home / "log" / f"{name}.log").read_text()

    def end(self, number: int = signal.SIGTERM) -> str:
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=SECONDS)
        return output + errors


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture
def relay(tmp_path: Path, port: int) -> Iterator[Relay]:
    started = Relay(tmp_path / "home", port)
    yield started
    started.process.kill()
    started.process.communicate(timeout=SECONDS)


def free(port: int) -> bool:
    try:
        check_port("127.0.0.1", port)
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_everything_cleanly(relay: Relay, number: int) -> None:
    assert relay.line() == "ready"
    assert relay.answers()
    at = relay.home / "valkey.sock"
    assert broker.answers(at)
    relay.end(number)
    assert relay.process.returncode == 0
    assert relay.log("web") == "web ended\n"
    assert relay.log("worker").endswith("worker ended\n")
    assert free(relay.port)
    assert not broker.answers(at)
    assert not list((relay.home / "run").glob("*.pid"))


@pytest.mark.parametrize("name", ["broker", "web", "worker"])
def test_what_is_killed_is_started_again(relay: Relay, name: str) -> None:
    assert relay.line() == "ready"
    before = relay.pid(name)
    os.kill(before, signal.SIGKILL)
    assert relay.line().startswith(f"{name} was ended by SIGKILL; starting it again")
    until(lambda: relay.pid(name) not in (0, before), "another process", seconds=SECONDS)
    at = relay.home / "valkey.sock"
    until(lambda: relay.answers() and broker.answers(at), "answers", seconds=SECONDS)
    relay.end()
    assert relay.process.returncode == 0


def test_killing_the_supervisor_leaves_nobody_on_the_port(relay: Relay) -> None:
    assert relay.line() == "ready"
    at = relay.home / "valkey.sock"
    relay.end(signal.SIGKILL)
    until(lambda: free(relay.port) and not broker.answers(at), "the end", seconds=SECONDS)


def test_not_even_after_its_guardian_was_killed_first(relay: Relay) -> None:
    assert relay.line() == "ready"
    guardian = relay.guardian()
    os.kill(guardian, signal.SIGKILL)
    until(lambda: relay.guardian() not in (0, guardian), "another guardian", seconds=SECONDS)
    at = relay.home / "valkey.sock"
    relay.end(signal.SIGKILL)
    until(lambda: free(relay.port) and not broker.answers(at), "the end", seconds=SECONDS)


def test_a_second_start_right_after_a_kill_works(relay: Relay) -> None:
    assert relay.line() == "ready"
    relay.end(signal.SIGKILL)
    again = Relay(relay.home, relay.port)
    try:
        assert again.line() == "ready"
        assert again.answers()
    finally:
        again.end()
    assert again.process.returncode == 0


def test_what_outlived_its_supervisor_and_the_guardian_is_ended_by_the_next_start(
    tmp_path: Path,
) -> None:
    orphan = subprocess.Popen(python("import signal; signal.pause()"), start_new_session=True)
    threading.Thread(target=orphan.wait).start()  # as init would
    with Home(tmp_path) as home:
        home.started("worker", orphan.pid)
        home.end_leftovers()
    assert orphan.wait(SECONDS) == -signal.SIGTERM


def test_a_number_that_belongs_to_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(python("import signal; signal.pause()"), start_new_session=True)
    with Home(tmp_path) as home:
        (tmp_path / "run" / "worker.pid").write_text(f"{other.pid} 1\n")
        home.end_leftovers()
    assert other.poll() is None
    other.kill()
    other.wait(SECONDS)


def test_a_second_relay_on_the_same_home_is_refused_in_one_line(relay: Relay, port: int) -> None:
    assert relay.line() == "ready"
    second = Relay(relay.home, port + 1)
    _, errors = second.process.communicate(timeout=SECONDS)
    assert second.process.returncode == 1
    assert errors.startswith(
        f"Relay is already running on {relay.home} (process {relay.process.pid})"
    )
    assert errors.count("\n") == 1
    relay.end()


def test_a_busy_port_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        busy = Relay(tmp_path, holder.getsockname()[1])
        _, errors = busy.process.communicate(timeout=SECONDS)
    assert busy.process.returncode == 1
    assert "cannot be used: Address already in use. Choose another" in errors
    assert errors.count("\n") == 1


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"RELAY_HOME is .*it cannot be used: Not a directory"):
        Home(tmp_path / "file" / "home")


def test_a_program_that_ends_while_starting_stops_the_start_with_its_last_words(
    tmp_path: Path,
) -> None:
    broken = Program(
        name="web", command=python("raise SystemExit('no such module')"), is_ready=lambda: False
    )
    with Home(tmp_path) as home, Tree(home, os.environ) as tree:
        tree.start(broken)
        with pytest.raises(StartFailed, match=r"(?s)^web ended with status 1 .*no such module$"):
            tree.wait_ready(broken, seconds=SECONDS)


def test_a_program_that_never_becomes_ready_is_told_too(tmp_path: Path) -> None:
    mute = Program(
        name="web", command=python("import signal; signal.pause()"), is_ready=lambda: False
    )
    with Home(tmp_path) as home, Tree(home, os.environ) as tree:
        tree.start(mute)
        with pytest.raises(StartFailed, match=r"^web was not ready after 0.2 s while starting"):
            tree.wait_ready(mute, seconds=0.2)


def test_who_ignores_the_request_to_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    stubborn = (
        "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = os.fork(); print(os.getpid(), flush=True); signal.pause()"
    )
    program = Program(
        name="worker",
        command=python(stubborn),
        is_ready=lambda: (tmp_path / "log/worker.log").read_text().count("\n") == 2,
        stop_seconds=0.2,
    )
    with Home(tmp_path) as home, Tree(home, os.environ) as tree:
        tree.start(program)
        tree.wait_ready(program, seconds=SECONDS)
    pids = [int(line) for line in (tmp_path / "log/worker.log").read_text().split()]
    until(lambda: not any(alive(pid) for pid in pids), "their end", seconds=SECONDS)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_programs_that_fail_again_and_again_are_started_ever_more_slowly(tmp_path: Path) -> None:
    told: list[str] = []
    failing = Program(name="beat", command=python("raise SystemExit(3)"))
    with Home(tmp_path) as home, Tree(home, os.environ, say=told.append) as tree:
        tree.start(failing)
        threading.Timer(1.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        tree.run()
    # With pauses of 0.25, 0.5 and 1 s there is time for two or three.
    assert 1 <= len(told) <= 3
    assert told[0].startswith("beat ended with status 3; starting it again")


def test_a_log_that_grew_long_is_cut_while_its_program_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.supervisor.home.LOG_BYTES", 10)
    with Home(tmp_path) as home:
        with home.log("web").open("ab") as log:
            log.write(b"a long first line\n")
            log.flush()
            home.trim_logs()
            log.write(b"next\n")
        assert home.log("web").read_bytes() == b"next\n"
        assert (tmp_path / "log/web.log.1").read_bytes() == b"a long first line\n"
