"""docs/adding-an-integration.md is true: the provider on it is built from the page and works."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest

import relay.integrations
from relay import first
from relay.integration import Integration
from relay.integrations import INTEGRATIONS
from relay.pipeline import arrange, connect, rules
from relay.runtime import Runtime
from relay.storage import connections, sources
from relay.storage.tables.deliveries import deliveries
from tests.scenarios.house import RULES, House, open_house, runtime_of, seed
from tests.stores import Store

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-integration.md"
_BLOCK = re.compile(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```$", re.M | re.S)


def _blocks() -> Mapping[str, str]:
    """What stands on the page, by the file it is for."""
    return dict(_BLOCK.findall(PAGE.read_text("utf-8")))


@pytest.fixture
def penny(tmp_path: Path) -> Iterator[Integration]:
    """The folder, as somebody makes it who follows the page."""
    root = tmp_path / "integrations"
    for name, text in _blocks().items():
        if name.startswith("relay/integrations/"):
            path = root / name.removeprefix("relay/integrations/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    relay.integrations.__path__.append(str(root))
    try:
        made: Integration = import_module("relay.integrations.penny").INTEGRATION
        yield made
    finally:
        relay.integrations.__path__.remove(str(root))
        for name in [one for one in sys.modules if one.startswith("relay.integrations.penny")]:
            del sys.modules[name]


@pytest.fixture
def house(penny: Integration, store: Store, tmp_path: Path) -> Iterator[House]:
    with (
        store.copy(tmp_path, with_penny) as (url, made),
        open_house(url, tmp_path / "home", made=made, integrations=_known(penny)) as opened,
    ):
        yield opened


def with_penny(database_url: str) -> first.First:
    """The first organization, and what the page's reader clicks."""
    known = _known(import_module("relay.integrations.penny").INTEGRATION)
    runtime = runtime_of(database_url, known)
    made = seed(runtime)
    _set_up(runtime, made.org)
    runtime.db.close()
    return made


def _known(penny: Integration) -> dict[str, Integration]:
    return {**INTEGRATIONS, "penny": penny}


def _set_up(runtime: Runtime, org: int) -> None:
    """A source for Penny, a target, and the rules of the page. The shipped rules would book the
    same deals; of theirs only what closes one is kept."""
    with runtime.db.write() as conn:
        through = connections.connection_named(conn, org, "penny").id
        sources.create_source(
            conn, runtime.vault, org, type="penny", name="penny", secret="whatever Penny shows",
            connection_id=through, at=runtime.clock.now(),
        )  # fmt: skip
    arrange.add_target(runtime, org, "ledger", "https://ledger.example/hook", by="test")
    texts = {name: text for name, text in _blocks().items() if name.startswith("rules/")}
    invoice = rules.texts_in(RULES)["rules/invoice.yaml"]
    closing = invoice.replace("source: quickbooks", "source: penny")
    rules.apply(runtime, org, {**texts, "rules/invoice.yaml": closing}, by="test")


def test_the_provider_of_the_page_books_a_won_deal_and_hears_that_it_was_paid(house: House) -> None:
    house.fault("penny", fault="timeout_after_work", times=1)
    house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    house.settle()
    assert [row.state for row in house.bookings()] == ["sent"]
    house.later()
    house.settle()
    (invoice,) = house.books("penny")
    assert house.item("Deals", "Northwind onboarding")["shown"]["Receipt No"] == invoice.number
    house.pay("penny", invoice.id)
    house.settle()
    assert house.item("Deals", "Northwind onboarding")["shown"]["Status"] == "Paid"


def test_its_connection_needs_its_key_and_a_real_host(house: House) -> None:
    kind = connect.connector_of(house.runtime, "penny")[1]
    assert connect.secrets_wanted(kind) == ["api_key"]
    assert kind.hosts == {"penny": "https://api.penny.example"}


def test_the_message_of_the_page_is_made_for_its_target(house: House) -> None:
    """Without code: a test organization keeps what it would have sent."""
    house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    house.settle()
    (run,) = house.runs("deal-won-ledger")
    assert run.state == "succeeded"
    (delivery,) = house.rows(deliveries, run_id=run.id)
    assert delivery.state == "captured"
    body = json.loads(delivery.body)
    assert (body["type"], body["customer"]) == ("sale", "Northwind Tea")
    assert float(body["amount"]) == 1250.0


def test_the_code_of_the_page_is_written_as_ours_is(penny: Integration) -> None:
    config = str(PAGE.parents[1] / "pyproject.toml")
    # HTTP's own numbers stay bare on the page; where the folder stands decides the imports' order.
    command = [sys.executable, "-m", "ruff", "check", "--config", config, "--ignore",
               "PLR2004,I001", str(penny.folder)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
