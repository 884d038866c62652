"""The key that encrypts credentials is changed, and nothing is lost."""

import base64
from dataclasses import replace

import httpx
from sqlalchemy import select

from relay.storage.reseal import KEPT
from relay.storage.tables.identity import audit_log
from tests.cli.shell import Shell
from tests.scenarios.house import KEY

NEW = base64.b64encode(b"another key, 32 bytes of its own").decode()


def _with(shell: Shell, ring: str) -> Shell:
    return replace(shell, env={**shell.env, "RELAY_SECRET_KEYS": ring})


def _once(shell: Shell) -> None:
    """An answer that may hold a secret is kept too."""
    made = shell.house.made
    httpx.post(
        f"{shell.house.base_url}/api/v1/hooks", auth=(made.key, made.secret), trust_env=False,
        headers={"idempotency-key": "one"},
        json={"url": "http://127.0.0.1:9/there", "event": "list_item.updated"},
    ).raise_for_status()  # fmt: skip


def test_credentials_are_sealed_anew_and_the_old_key_can_go(shell: Shell) -> None:
    _once(shell)
    alone = _with(shell, NEW)
    assert "add it at the end of the ring" in alone.refused("db", "reseal")
    both = _with(shell, f"{NEW},{KEY}")
    sealed = both.document("db", "reseal")["resealed"]
    assert set(sealed) == {kept.name for kept in KEPT}
    assert sealed["connections"] == 3
    told = shell.house.rows(audit_log, action="credentials sealed anew")
    assert {row.subject: row.after["count"] for row in told} == sealed
    with shell.house.runtime.db.read() as conn:
        kept = [row for one in KEPT for row in conn.execute(select(one.rows.c.sealed)).scalars()]
    assert len({envelope.split(".")[1] for envelope in kept}) == 1
    assert "sandbox" in alone.read("connection", "test", "recurly")
    assert alone.document("source", "list")["data"]
    assert alone.read("db", "reseal") == "Everything is sealed under the newest key.\n"
