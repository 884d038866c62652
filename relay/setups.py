"""What an organization has set up, read once and kept until its version rises."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Protocol

from sqlalchemy import Connection, select

from relay.core.hook import HookSet
from relay.mapping import compile_mapping, is_mapping
from relay.storage.connections import ConnectionRow, TargetRow, all_connections, all_targets
from relay.storage.database import Database
from relay.storage.hooks import all_hooks
from relay.storage.identity import Organization, organization
from relay.storage.mappings import kept_mapping
from relay.storage.rulesets import packed_of, paused_rules, texts_of
from relay.storage.sets import among_numbers
from relay.storage.sources import SourceRow, all_sources
from relay.storage.tables.identity import organizations
from relay.storage.vault import Vault
from rules.engine import Rule, RuleSet, Verb, compile_rule, load, rule_hash, unpack

_KEPT_SETS = 16
_KEPT_MAPPINGS = 256
CRM = "salesforceiq"  # the provider whose connection is an organization's CRM
NO_RULES = "none"


@dataclass(frozen=True)
class Setup:
    """One organization's, at one version. `rules` holds its rule set and its sources' mappings."""

    organization: Organization
    sources: Mapping[int, SourceRow]
    connections: tuple[ConnectionRow, ...]
    targets: Mapping[str, TargetRow]
    rules: RuleSet
    paused: frozenset[str]
    hooks: HookSet = field(default_factory=HookSet)

    @property
    def set_hash(self) -> str:
        return self.organization.rule_set_hash or NO_RULES

    @cached_property
    def connection_by_id(self) -> Mapping[int, ConnectionRow]:
        return {row.id: row for row in self.connections}

    @cached_property
    def crm(self) -> ConnectionRow | None:
        """The connection to the CRM elsewhere that the organization has chosen; None: Relay's
        own."""
        return next((row for row in self.connections if row.provider == CRM), None)

    def connection_for(self, provider: str, name: str | None) -> ConnectionRow | None:
        """The named connection, or the only one of its kind."""
        fitting = [row for row in self.connections if row.provider == provider]
        if name is not None:
            return next((row for row in fitting if row.name == name), None)
        return fitting[0] if len(fitting) == 1 else None


class Ran(Protocol):
    """A run, as far as it says which version of its rule it goes by."""

    @property
    def rule_id(self) -> str: ...
    @property
    def rule_hash(self) -> str: ...
    @property
    def set_hash(self) -> str: ...


_VERSIONS = select(organizations.c.id, organizations.c.config_version).where(
    among_numbers(organizations.c.id, "ids")
)


class Setups:
    """The process's setups. Rule sets are kept by their content."""

    def __init__(self, db: Database, vault: Vault, verbs: Mapping[str, Verb]) -> None:
        self._db = db
        self._vault = vault
        self._verbs = verbs
        self._setups: dict[int, Setup] = {}
        self._sets: dict[bytes, tuple[Rule, ...]] = {}
        self._mappings: dict[tuple[int, str], Rule] = {}
        self._lock = threading.Lock()

    def of(self, conn: Connection, org: int) -> Setup:
        """The organization's setup as it is now."""
        return self.of_all(conn, [org])[org]

    def fresh(self, conn: Connection, org: int) -> Setup:
        """As this transaction sees it. It is not kept, for the transaction may fail."""
        return self._read(conn, org)

    def of_all(self, conn: Connection, orgs: Iterable[int]) -> dict[int, Setup]:
        """The setups of several, checked with one query."""
        found = conn.execute(_VERSIONS, {"ids": set(orgs)})
        return self.at(conn, {row.id: row.config_version for row in found})

    def at(self, conn: Connection, versions: Mapping[int, int]) -> dict[int, Setup]:
        """The setups of organizations whose versions were read just now."""
        return {org: self._one(conn, org, version) for org, version in versions.items()}

    def known(self, orgs: Iterable[int]) -> dict[int, Setup]:
        """As they were last read; for who has read them just now."""
        return {org: self._setups[org] for org in orgs}

    def rules_of(self, conn: Connection, org: int, set_hash: str) -> tuple[Rule, ...]:
        """All rules of one of the organization's sets. Raises NotFound."""
        return self._compiled(conn, org, set_hash)

    def rule_that_ran(self, conn: Connection, org: int, run: Ran) -> Rule | None:
        """A run's rule, or its source's mapping, as it was when it began; None when that is not
        kept."""
        if is_mapping(run.rule_id):
            return self._mapping(conn, org, run)
        found = self._compiled(conn, org, run.set_hash)
        return next((rule for rule in found if rule.id == run.rule_id), None)

    def _mapping(self, conn: Connection, org: int, run: Ran) -> Rule | None:
        live = self.of(conn, org).rules.by_id.get(run.rule_id)
        if live is not None and rule_hash(live) == run.rule_hash:
            return live
        key = (org, run.rule_hash)
        if key not in self._mappings:
            data = kept_mapping(conn, org, run.rule_hash)
            if data is None:
                return None
            while len(self._mappings) >= _KEPT_MAPPINGS:
                self._mappings.pop(next(iter(self._mappings)))
            self._mappings[key] = compile_rule(data, verbs=self._verbs, place=run.rule_id)
        return self._mappings[key]

    def _one(self, conn: Connection, org: int, version: int) -> Setup:
        known = self._setups.get(org)
        if known is not None and known.organization.config_version == version:
            return known
        with self._lock:
            setup = self._read(conn, org)
            self._setups[org] = setup
        return setup

    def _read(self, conn: Connection, org: int) -> Setup:
        owner = organization(conn, org)
        sources = {row.id: row for row in all_sources(conn, self._vault, org)}
        rules = list(self._compiled(conn, org, owner.rule_set_hash or NO_RULES))
        rules += [
            rule
            for row in sources.values()
            if row.mapping is not None
            for rule in compile_mapping(row.id, row.name, row.mapping, self._verbs)
        ]
        return Setup(
            organization=owner,
            sources=sources,
            connections=tuple(all_connections(conn, org)),
            targets={row.name: row for row in all_targets(conn, self._vault, org)},
            rules=RuleSet(rules, hash=owner.rule_set_hash or NO_RULES),
            paused=frozenset(paused_rules(conn, org)),
            hooks=HookSet(all_hooks(conn, self._vault, org)),
        )

    def _compiled(self, conn: Connection, org: int, hash: str) -> tuple[Rule, ...]:
        if hash == NO_RULES:
            return ()
        packed = packed_of(conn, org, hash)
        # By what was packed, not the set's hash: names may have changed, which are in no hash.
        key = sha256(packed.encode()).digest()
        if key not in self._sets:
            rules = unpack(packed)
            if rules is None:
                rules = load(texts_of(conn, org, hash), verbs=self._verbs, schemas=None).rules
            while len(self._sets) >= _KEPT_SETS:
                self._sets.pop(next(iter(self._sets)))
            self._sets[key] = rules
        return self._sets[key]
