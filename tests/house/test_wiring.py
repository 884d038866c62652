"""Which adapters a process is given."""

from pathlib import Path

from relay import bootstrap
from relay.queue import Waker
from relay.settings import Settings
from tests.scenarios.house import KEY


def test_a_given_database_does_not_silence_the_embedded_broker(tmp_path: Path) -> None:
    env = {
        "RELAY_HOME": str(tmp_path),
        "RELAY_DATABASE_URL": f"sqlite:///{tmp_path}/a.db",
        "RELAY_SECRET_KEYS": KEY,
    }
    runtime = bootstrap.build(Settings.from_env(env), role="test")
    assert isinstance(runtime.queue, Waker)
