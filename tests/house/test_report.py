"""A machine that lacks something says so, and cannot pass CI by running less."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest
def test_runs(): pass
def test_needs_a_browser(): pytest.skip("Chromium is not installed: apt-get install chromium")
"""


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_what_could_not_run_is_named_and_fails_ci(tmp_path: Path, ci: str, status: int) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.report", "-p", "no:cacheprovider"),
            *("-c", os.devnull, "--rootdir", tmp_path, tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "CI": ci},
    )
    assert done.returncode == status
    assert "   1  Chromium is not installed: apt-get install chromium" in done.stdout
