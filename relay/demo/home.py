"""A Relay of its own for the demo: fresh home, free port, the shipped rules and one more."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from relay.demo.site import DemoFailed, Site, until
from relay.settings import Settings

# Invoices are paid later than receipts: this one lets the demo show money coming back.
INVOICE_RULE = """\
version: 1
rules:
  - id: proposal-invoice
    name: Invoice a deal that was agreed
    when: { changed: status, list: Deals, to: Proposal }
    if: item.amount != null && item.amount > 0
    do:
      - id: invoice
        use: quickbooks.invoice
        with:
          customer: "${account.name}"
          email: "${contact.email}"
          lines: [{ item: Services, description: "${item.name}", amount: "${item.amount}" }]
      - use: crm.update_item
        with: { fields: { receipt_no: "${steps.invoice.output.number}" } }
    tests:
      - name: an agreed deal is invoiced
        given:
          changed: status
          to: Proposal
          item: { name: Workshop, amount: 900 }
          account: { name: Granite }
          contact: { email: cleo@granite.test }
        stub: { invoice: { output: { id: "7", number: CRM-1a2b } } }
        expect:
          - use: quickbooks.invoice
            with: { customer: Granite, lines: [{ amount: 900 }] }
          - use: crm.update_item
            with: { fields: { receipt_no: CRM-1a2b } }
"""


@dataclass(slots=True, kw_only=True)
class Home:
    """What runs, and where its processes' numbers stand."""

    site: Site
    folder: Path

    def kill(self, name: str) -> None:
        """Ends one of its processes without a word."""
        text = (self.folder / "run" / f"{name}.pid").read_text()
        os.kill(int(text.split()[0]), signal.SIGKILL)


@contextmanager
def started(settings: Settings, env: Mapping[str, str]) -> Iterator[Home]:
    """Runs until the block ends; the home goes with it."""
    with TemporaryDirectory(prefix="relay-demo-") as made:
        folder = Path(made)
        rules = folder / "rules"
        rules.mkdir()
        for file in sorted(settings.rules_dir.glob("*.yaml")):
            shutil.copy(file, rules)
        (rules / "proposal-invoice.yaml").write_text(INVOICE_RULE)
        program = subprocess.Popen(
            [sys.executable, "-m", "relay", "up"],
            env=_environment(env, folder, rules),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield Home(site=Site(_welcome(folder, program)), folder=folder)
        finally:
            program.terminate()
            program.communicate(timeout=60)


def _environment(env: Mapping[str, str], folder: Path, rules: Path) -> dict[str, str]:
    # Nothing that stands in this shell's environment may lead the demo to somebody's real store.
    kept = {name: value for name, value in env.items() if not name.startswith("RELAY_")}
    port = str(_free_port())
    return {**kept, "RELAY_HOME": str(folder), "RELAY_RULES_DIR": str(rules), "PORT": port}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _welcome(folder: Path, program: "subprocess.Popen[str]") -> dict[str, Any]:
    path = folder / "welcome.json"

    def look() -> dict[str, Any] | None:
        if program.poll() is not None:
            raise DemoFailed(f"relay up ended: {program.communicate()[1].strip()}")
        return orjson.loads(path.read_bytes()) if path.exists() else None

    return until(look, "relay up to start")
