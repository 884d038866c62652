"""A supervisor over small stand-in programs, to be started and killed by tests.

`python small_relay.py HOME PORT`: a real broker, a web server whose child holds its port as
granian's does, and a worker that takes its time to end. Says `ready`, and what it sees, on stdout.
"""

import os
import sys
from pathlib import Path

from relay.core.errors import RelayError
from relay.settings import Settings
from relay.supervisor.home import Home, check_port
from relay.supervisor.programs import Program, answers, broker_program
from relay.supervisor.tree import Stopped, Tree

WEB = """
import http.server, os, signal, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Page)
child = os.fork()
if child == 0:
    server.serve_forever()
server.socket.close()
def end(*_):
    os.kill(child, signal.SIGTERM); os.waitpid(child, 0); print("web ended", flush=True); sys.exit()
signal.signal(signal.SIGTERM, end)
os.waitpid(child, 0)
"""
WORKER = """
import signal, sys
def end(*_):
    print("worker ended", flush=True); sys.exit()
signal.signal(signal.SIGTERM, end)
print("worker began", flush=True)
while True: signal.pause()
"""


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def main(home: str, port: str) -> None:
    settings = Settings.from_env({"RELAY_HOME": home, "PORT": port})
    with Home(Path(home)) as held:
        held.end_leftovers()
        check_port(settings.bind, settings.port)
        with Tree(
            held, {**os.environ, "PORT": port}, say=lambda line: print(line, flush=True)
        ) as tree:
            broker = broker_program(settings)
            web = Program(
                name="web",
                command=python(WEB),
                is_ready=lambda: answers(settings, "/"),
                stop_seconds=5,
            )
            worker = Program(
                name="worker",
                command=python(WORKER),
                is_ready=lambda: "worker began" in held.tail("worker"),
                stop_rank=2,
                stop_seconds=5,
            )
            tree.start(broker)
            tree.wait_ready(broker, seconds=10)
            for program in (web, worker):
                tree.start(program)
                tree.wait_ready(program, seconds=10)
            print("ready", flush=True)
            tree.run()


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    except Stopped:
        sys.exit(0)
    except RelayError as error:
        sys.exit(str(error))
