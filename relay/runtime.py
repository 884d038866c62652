"""Runtime: the wired application that every use case receives first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from relay.core.clock import Clock
from relay.core.measures import Measures
from relay.core.successes import Successes
from relay.core.targets import TargetPolicy
from relay.crm.embedded import EmbeddedCRM
from relay.crm.remote import Known
from relay.http import Client
from relay.integration import Integration
from relay.queue import Queue
from relay.settings import Settings
from relay.setups import Setups
from relay.storage.database import Database
from relay.storage.vault import Vault
from rules.engine import Verb


class Berths(Protocol):
    """Places for deliveries, by (id, target, organization), in the worker that writes them."""

    def reserve(self, wanted: Sequence[tuple[int, int, int]]) -> list[bool]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """One per process. `verbs` are all that rules may use, by full name; `outward` is the policy
    for addresses that users set, `inward` the one for our own sandboxes; `remotes` is what was
    learned of CRMs elsewhere; `measures` is what this process counts, `successes` those of hooks;
    `berths` are there in a worker, which may send what it has written itself."""

    settings: Settings
    db: Database
    clock: Clock
    vault: Vault
    queue: Queue
    http: Client
    crm: EmbeddedCRM
    integrations: Mapping[str, Integration]
    verbs: Mapping[str, Verb]
    setups: Setups
    outward: TargetPolicy
    inward: TargetPolicy
    remotes: Known = field(default_factory=Known)
    measures: Measures = field(default_factory=Measures)
    successes: Successes = field(default_factory=Successes)
    berths: Berths | None = None
