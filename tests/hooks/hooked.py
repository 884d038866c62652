"""What a subscriber and an operator do with a Relay that has hooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from relay.core.ids import number
from relay.storage.tables.deliveries import deliveries, delivery_attempts
from relay.storage.tables.hooks import hook_health
from tests.hooks.receiver import Receiver
from tests.scenarios.house import House, house_on
from tests.serving import PLAIN
from tests.stores import Store

DEAL = "Northwind onboarding"


@dataclass(slots=True)
class Hooked:
    """A house, and a subscriber outside of it."""

    house: House
    receiver: Receiver

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        made = self.house.made
        return httpx.request(
            method,
            f"{self.house.base_url}/api/v1{path}",
            auth=(made.key, made.secret),
            trust_env=False,
            verify=PLAIN,
            timeout=30,
            **request,
        )

    def do(self, method: str, path: str, **request: Any) -> Any:
        answer = self.ask(method, path, **request)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json()

    def subscribe(self, event: str = "list_item.updated", path: str = "/in", **more: Any) -> Any:
        body = {"target_url": self.receiver.url + path, "event": event, **more}
        return self.do("POST", "/hooks", json=body)

    def hook(self, id: str) -> Any:
        return self.do("GET", f"/hooks/{id}")

    def win(self, status: str = "Deal Won", name: str = DEAL) -> None:
        """A person sets a status, and the worker does what follows."""
        self.house.set("Deals", name, "Status", status)
        self.house.settle()

    def deliveries(self, hook: str) -> list[Any]:
        return self.house.rows(deliveries, target_kind="hook", target_id=number("hook", hook))

    def attempts(self, delivery: int) -> list[Any]:
        return self.house.rows(delivery_attempts, delivery_id=delivery)

    def health(self, hook: str) -> Any:
        return self.house.rows(hook_health, hook_id=number("hook", hook))[0]

    def later(self) -> None:
        """Every wait is over."""
        self.house.later()
        self.house.settle()


@contextmanager
def open_hooked(store: Store, folder: Path, receiver: Receiver) -> Iterator[Hooked]:
    with house_on(store, folder) as house:
        yield Hooked(house=house, receiver=receiver)
