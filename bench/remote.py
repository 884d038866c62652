"""The whole job against a CRM elsewhere, beside Node-RED doing the same, in turns."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from bench.harness import Report, in_turns
from bench.house import House, free_port, opened
from bench.load import Request, send, wait_for
from relay.storage import connections
from tests.stores import until

PEERS = Path(__file__).parent / "peers"
INSTALLED = PEERS / ".installed"
NODE_RED = "node-red@4.1.15"
JOBS = 3_000
JOB: dict[str, Any] = {
    "event": "form.submitted",
    "email": "${event.data.email}",
    "list": "Deals",
    "nobody": "report",
    "fields": {"paid_amount": "125.50", "paid_date": "2026-05-01"},
    "stream": {"subject": "Invoice paid", "body": "Paid 125.50 on 2026-05-01"},
}


def run() -> Report:
    """PostgreSQL; without Node.js there is no CRM to call."""
    report = Report(
        name="remote",
        about="Webhook → contact by email → item updated → stream told, in a CRM elsewhere (a"
        " stand-in that answers at once), jobs a second until the last is done. Node-RED 4.1"
        " keeps nothing; Relay has committed before it answers.",
    )
    if shutil.which("npm") is None:
        raise RuntimeError("this benchmark needs Node.js with npm")
    with _crm() as crm, _node_red(crm) as peer, opened("postgresql") as house:
        _connect(house, crm)
        source = house.signed("bench", JOB)

        def ours() -> float:
            emails = [f"kim{n}@example.com" for n in range(JOBS)]
            return _jobs(crm, house.port, house.requests(source, emails))

        def theirs() -> float:
            return _jobs(crm, peer, [_payment(n) for n in range(JOBS)])

        ours(), theirs()
        found = in_turns({"Relay": ours, "Node-RED": theirs})
    report.add("Relay", "/s", found["Relay"])
    report.add("Node-RED", "/s", found["Node-RED"])
    report.ratio("Relay beside Node-RED", found["Relay"], found["Node-RED"], 1.0)
    return report


def _jobs(crm: int, port: int, requests: list[Request]) -> float:
    """From the first request to the CRM's last stream entry; jobs a second."""
    _ask(crm, "POST", "/_reset")
    began = time.perf_counter()
    result = send(port, requests, connections=32)
    if result.refused:
        raise RuntimeError(f"refused: {result.statuses}")
    over = wait_for(lambda: int(_ask(crm, "GET", "/_stats")["events"]), len(requests))
    return len(requests) / (over - began)


def _payment(number: int) -> Request:
    body = {"id": f"evt-{number}", "type": "invoice.paid", "email": f"kim{number}@example.com",
            "amount": 125.50, "date": "2026-05-01"}  # fmt: skip
    headers = {"content-type": "application/json"}
    return Request(path="/hooks/payments", body=orjson.dumps(body), headers=headers)


def _connect(house: House, crm: int) -> None:
    runtime = house.runtime
    with runtime.db.write() as conn:
        connections.create_connection(
            conn,
            runtime.vault,
            house.made.org,
            provider="salesforceiq",
            name="salesforceiq",
            base_url=f"http://127.0.0.1:{crm}/v2",
            credentials={"key": "bench", "secret": "bench"},
            settings={"daily_quota": "100000000", "poll_seconds": "3600"},
            sandbox=False,
            at=runtime.clock.now(),
        )


@contextmanager
def _crm() -> Iterator[int]:
    port = free_port()
    with _node(["node", str(PEERS / "crm.mjs")], port, {"PORT": str(port)}):
        yield port


@contextmanager
def _node_red(crm: int) -> Iterator[int]:
    red = INSTALLED / "node_modules" / "node-red" / "red.js"
    if not red.exists():
        INSTALLED.mkdir(exist_ok=True)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", INSTALLED,
             NODE_RED], check=True,
        )  # fmt: skip
    port = free_port()
    with TemporaryDirectory() as folder:
        for name in ("flows.json", "settings.js"):
            shutil.copy(PEERS / "node-red" / name, folder)
        command = ["node", str(red), "-u", folder, "-s", f"{folder}/settings.js"]
        told = {"PORT": str(port), "CRM": f"http://127.0.0.1:{crm}", "NODE_ENV": "production"}
        with _node(command, port, told):
            yield port


@contextmanager
def _node(command: list[str], port: int, told: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **told}, stdout=subprocess.DEVNULL)
    try:
        until(lambda: _listens(port), f"{command[1]} to listen")
        yield
    finally:
        process.terminate()
        process.wait(15)


def _listens(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _ask(port: int, method: str, path: str) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        return orjson.loads(connection.getresponse().read())
    finally:
        connection.close()
