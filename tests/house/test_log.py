"""What a line of the log holds, and what it never does."""

import json
import subprocess
import sys

import pytest

from relay.log import MASK, mask

PROGRAM = """
import logging
from relay import log
log.configure("info", process="web")
log.bind(event_id="evt_7")
log.get(org=1).info("event_routed", steps=2)
log.get().debug("too_fine")
logging.getLogger("celery").warning("lost %s", "redis://me:hunter2@broker/0")
try:
    raise ValueError("password=hunter2")
except ValueError:
    log.get(note="Bearer hunter2hunter2").exception("it_failed", api_key="hunter2")
"""


def test_each_event_is_one_line_of_json() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, timeout=30
    )
    assert done.stdout == ""
    routed, lost, failed = [json.loads(line) for line in done.stderr.splitlines()]
    assert routed.pop("at").endswith("Z")
    assert routed == {
        "event": "event_routed",
        "event_id": "evt_7",
        "level": "info",
        "org": 1,
        "process": "web",
        "steps": 2,
    }
    assert lost["message"] == f"lost redis://me:{MASK}@broker/0"
    assert failed["event"] == "it_failed"
    assert failed["api_key"] == MASK
    assert failed["note"] == f"Bearer {MASK}"
    assert "Traceback" in failed["exception"]
    assert "hunter2" not in json.dumps([lost, failed["api_key"], failed["note"]])


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("client_secret", "x", MASK),
        ("Authorization", "x", MASK),
        ("access_token", "x", MASK),
        ("password", "", ""),
        ("secretary", "Ann", "Ann"),
        ("url", "https://relay.example.com/in/webform/abcdefgh1234?a=1", None),
        ("dsn", "postgresql://relay:hunter2@db/relay", None),
        ("nested", {"headers": [{"cookie": "x"}]}, {"headers": [{"cookie": MASK}]}),
    ],
)
def test_secrets_are_masked_by_name_and_by_look(name: str, value: object, shown: object) -> None:
    event = dict(mask(None, "info", {name: value}))
    if shown is None:
        assert MASK in str(event[name])
        assert "hunter2" not in str(event[name])
        assert "abcdefgh1234" not in str(event[name])
    else:
        assert event[name] == shown
