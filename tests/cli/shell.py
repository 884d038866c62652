"""A person's terminal: `relay`, called in this process, over a Relay that works."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from click.testing import CliRunner, Result

from relay.cli import cli
from relay.cli.invocation import Invocation
from tests.scenarios.house import KEY, RULES, House, house_on
from tests.stores import Store


@dataclass(slots=True)
class Shell:
    """What a person types, and what they read."""

    house: House
    env: Mapping[str, str]

    def relay(self, *words: str, given: str | None = None) -> Result:
        invocation = Invocation(env=self.env)
        return CliRunner().invoke(cli, list(words), obj=invocation, input=given)

    def read(self, *words: str, status: int = 0, given: str | None = None) -> str:
        """What stands on standard output."""
        result = self.relay(*words, given=given)
        assert result.exit_code == status, (result.output, result.exception)
        return result.stdout

    def document(self, *words: str, status: int = 0, given: str | None = None) -> Any:
        """The one JSON document on it."""
        return orjson.loads(self.read(*words, "--json", status=status, given=given))

    def refused(self, *words: str, status: int = 1) -> str:
        """What it says when it cannot."""
        result = self.relay(*words)
        assert result.exit_code == status, result.output
        return result.stderr

    @property
    def remote(self) -> tuple[str, ...]:
        """The options that make it ask over HTTP instead."""
        made = self.house.made
        return ("--url", self.house.base_url, "--key", f"{made.key}:{made.secret}")


@contextmanager
def open_shell(store: Store, folder: Path) -> Iterator[Shell]:
    with house_on(store, folder) as house:
        settings = house.runtime.settings
        env = {
            "RELAY_HOME": str(settings.home),
            "RELAY_DATABASE_URL": settings.database_url,
            "RELAY_SECRET_KEYS": KEY,
            "RELAY_BASE_URL": house.base_url,
            "RELAY_RULES_DIR": str(RULES),
            "RELAY_EGRESS_ALLOW": "127.0.0.0/8",
            "RELAY_EGRESS_HTTP": "yes",
        }
        yield Shell(house, env)
