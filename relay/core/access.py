"""Who may do what: scopes of keys, roles of people."""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.core.errors import NotAllowed

SCOPES = (
    "crm:read",
    "crm:write",
    "sources",
    "connections",
    "rules",
    "events:read",
    "events:replay",
    "hooks",
    "syncs",
    "admin",
)
ROLES = ("viewer", "operator", "admin", "owner")

# What a wrong key, a wrong secret and an outdated secret all get, so that nobody can tell which.
AUTHORIZATION_FAILED = (
    "authorization failed: was the secret reset? Paste the key and its new secret."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An API key at work. `lists` None: every list."""

    org: int
    key: str
    name: str
    scopes: Sequence[str]
    lists: Sequence[str] | None = None

    def need(self, scope: str) -> None:
        """Raises NotAllowed without the scope; `admin` includes them all."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise NotAllowed(f"this key lacks the scope {scope!r}; an admin can add it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is signed in."""

    id: str
    org: int
    name: str
    email: str
    role: str

    def need(self, role: str) -> None:
        """Raises NotAllowed below the role."""
        if ROLES.index(self.role) < ROLES.index(role):
            raise NotAllowed(f"this needs the role {role}; yours is {self.role}")
