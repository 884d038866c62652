"""The composition root: settings → runtime. The only place where adapters are chosen."""

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from celery import Celery
from sqlalchemy.exc import OperationalError

from relay import first, log
from relay.core.clock import SystemClock
from relay.core.errors import Unavailable
from relay.core.targets import INTERNAL, TargetPolicy
from relay.crm.embedded import EmbeddedCRM
from relay.http import Client, Turns
from relay.integration import Integration
from relay.integrations import INTEGRATIONS
from relay.pipeline import rules, transitions
from relay.queue import Queue, Silent, Waker
from relay.runtime import Runtime
from relay.settings import Settings
from relay.setups import Setups
from relay.storage import migrations
from relay.storage.database import Database
from relay.storage.identity import all_organizations
from relay.storage.vault import Vault
from rules.engine import Verb
from rules.engine.verbs import CRM_VERBS


def verbs_of(integrations: Mapping[str, Integration]) -> dict[str, Verb]:
    """All that rules may use, by full name."""
    return {
        **CRM_VERBS,
        **{
            verb.name: verb
            for integration in integrations.values()
            if integration.connector is not None
            for verb in integration.connector.verbs.values()
        },
    }


VERBS: Mapping[str, Verb] = verbs_of(INTEGRATIONS)


def build(
    settings: Settings,
    *,
    role: str,
    queue: Queue | None = None,
    integrations: Mapping[str, Integration] = INTEGRATIONS,
) -> Runtime:
    """The process's runtime. `role` is `web`, `worker`, `beat`, `cli` or `test`: what its log
    lines say of it, and how many connections it keeps."""
    log.configure(settings.log_level, process=role)
    # Requests and chunks make many small objects that go by themselves; Python's 700 new ones until
    # it looks for circles among them cost a tenth of a worker's time, and a quarter of an import's.
    gc.set_threshold(50_000, 20, 20)
    clock = SystemClock()
    db = Database(settings.database_url, pool=4 if role == "web" else 8)
    vault = Vault(settings.secret_keys)
    verbs = VERBS if integrations is INTEGRATIONS else verbs_of(integrations)
    runtime = Runtime(
        settings=settings,
        db=db,
        clock=clock,
        vault=vault,
        queue=queue or Waker(_sender(settings, patient=role != "cli")),
        http=Client(clock=clock, proxy=settings.egress_proxy, turns=Turns(settings.client_url)),
        crm=EmbeddedCRM(db=db, clock=clock, record=lambda conn, found: _record(conn, found)),
        integrations=integrations,
        verbs=verbs,
        setups=Setups(db, vault, verbs),
        outward=TargetPolicy(allow=settings.egress_allow, allow_http=settings.egress_http),
        inward=INTERNAL,
    )

    def _record(conn: Any, found: Any) -> None:
        transitions.store(runtime, conn, found, token=None)

    return runtime


def _sender(settings: Settings, *, patient: bool) -> Callable[[str, list[int]], None]:
    """Sends a task by its name; the workers' own options are in workers/app.py. `patient`: waits
    some seconds for a broker that starts anew, for which no person at a command line waits."""
    app = Celery("relay", broker=settings.broker_url)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        task_default_queue="relay",
        broker_transport_options={
            "socket_connect_timeout": 1,
            "socket_timeout": 5,
            "global_keyprefix": "relay:",
            "max_retries": None if patient else 0,
        },
        broker_connection_retry_on_startup=False,
    )

    def send(task: str, ids: list[int]) -> None:
        # A wake-up that comes late has no use: the sweep was there before it.
        app.send_task(task, args=[ids], expires=60, retry=False)

    return send


def upgrade(settings: Settings) -> None:
    """Brings the store to this version's tables. Raises Unavailable."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["url"] = settings.database_url
    try:
        command.upgrade(config, "head")
    except OperationalError as error:
        raise Unavailable(f"the database cannot be reached: {error.orig}") from error


def welcome(settings: Settings) -> dict[str, Any] | None:
    """Makes the first organization in an empty store and says how to get in; None otherwise. Only
    on the embedded stores: elsewhere a person makes an organization."""
    if not settings.embedded:
        return None
    runtime = build(settings, role="cli", queue=Silent())
    try:
        with runtime.db.write() as conn:
            if all_organizations(conn):
                return None
            made = first.seed(runtime, conn, runtime.clock.now())
        rules.apply(runtime, made.org, rules.texts_in(settings.rules_dir), by=first.EMAIL)
        return first.document(settings.base_url, made)
    finally:
        runtime.db.close()
