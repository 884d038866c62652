"""`relay demo`: every process is real, and the whole story is told over sockets."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.processes
def test_the_demo_tells_the_whole_story_and_finds_everything_once(tmp_path: Path) -> None:
    """W1, W3, W4, A6, T1, T3, on real processes."""
    out = tmp_path / "demo.json"
    done = subprocess.run(
        [sys.executable, "-m", "relay", "demo", "--out", out, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(out.read_text())
    assert [line for line in document["lines"] if not line["ok"]] == []
    assert done.returncode == 0
    assert json.loads(done.stdout) == document
    assert {one["provider"] for one in document["books"]} == {"quickbooks", "recurly", "zuora"}
