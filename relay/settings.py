"""Settings: one frozen object, read from the environment once.

A wrong variable stops the start with its name, what was given and what would do. Which variables
there are, and what each takes, stands in `relay.variables`; docs/settings.md is held to it.
"""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from relay import variables as want
from relay.core.targets import Network, networks
from relay.keyring import kept_keys, missing_keys, read_keys
from relay.variables import read

LONGEST_SOCKET = 100  # a Unix socket's path must fit 108 bytes, on macOS 104
_LOOPBACK = networks(("127.0.0.0/8", "::1/128"))
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - to be read, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says, checked.

    home                the folder of everything that Relay keeps on this machine; absolute
    secret_keys         the ring that encrypts credentials, newest first; 32 bytes each
    base_url            how others reach us, without a slash at the end
    trusted_proxies     whose X-Forwarded-* headers are believed
    org                 the organization that the command line means; None: the only one
    egress_allow        private networks that deliveries may reach
    egress_http         whether they may use plain http
    disable_hooks_after how long a hook goes without a success until it is disabled
    embedded            no database was given: the stores are Relay's own, in `home`
    """

    home: Path
    database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    secret_keys: tuple[bytes, ...] = field(repr=False)
    base_url: str
    bind: str
    port: int
    trusted_proxies: tuple[Network, ...]
    rules_dir: Path
    org: str | None
    egress_allow: tuple[Network, ...]
    egress_http: bool
    egress_proxy: str | None = field(repr=False)
    smtp_url: str | None = field(repr=False)
    disable_hooks_after: timedelta
    retention_payloads: timedelta
    retention_attempts: timedelta
    log_level: str
    metrics_token: str | None = field(repr=False)
    embedded: bool

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises InvalidInput for a wrong variable. Makes the key ring of an SQLite store where
        there is none yet, readable by its owner alone."""
        home = read(env, "RELAY_HOME", want.folder, Path("var")).absolute()
        given_url = read(env, "RELAY_DATABASE_URL", want.database_url, None)
        database_url = given_url or f"sqlite:///{home / 'relay.db'}"
        bind = read(env, "RELAY_BIND", want.address, "127.0.0.1")
        port = read(env, "PORT", want.port, 8000)
        local = given_url is None
        # A relay of one's own, on one's own machine, may call what runs beside it.
        reachable = _LOOPBACK if local else ()
        return cls(
            home=home,
            database_url=database_url,
            redis_url=read(env, "RELAY_REDIS_URL", want.redis_url, None),
            secret_keys=read(env, "RELAY_SECRET_KEYS", read_keys, ()) or _own(database_url, home),
            base_url=read(env, "RELAY_BASE_URL", want.web_url, None) or _here(bind, port),
            bind=bind,
            port=port,
            trusted_proxies=read(env, "RELAY_TRUSTED_PROXIES", want.cidrs, ()),
            rules_dir=read(env, "RELAY_RULES_DIR", want.folder, Path("rules")).absolute(),
            org=read(env, "RELAY_ORG", want.text, None),
            egress_allow=read(env, "RELAY_EGRESS_ALLOW", want.cidrs, reachable),
            egress_http=read(env, "RELAY_EGRESS_HTTP", want.yes_or_no, local),
            egress_proxy=read(env, "RELAY_EGRESS_PROXY", want.web_url, None),
            smtp_url=read(env, "RELAY_SMTP_URL", want.smtp_url, None),
            disable_hooks_after=read(
                env, "RELAY_DISABLE_HOOKS_AFTER", want.days, timedelta(days=5)
            ),
            retention_payloads=read(env, "RELAY_RETENTION_PAYLOADS", want.days, timedelta(days=30)),
            retention_attempts=read(env, "RELAY_RETENTION_ATTEMPTS", want.days, timedelta(days=90)),
            log_level=read(env, "RELAY_LOG_LEVEL", want.log_level, "info"),
            metrics_token=read(env, "RELAY_METRICS_TOKEN", want.text, None),
            embedded=local,
        )

    @property
    def socket(self) -> Path:
        """Where the embedded broker listens: in `home`, or in a folder of its own under the
        system's temporary one when that path would be too long."""
        near = self.home / "valkey.sock"
        if len(str(near).encode()) < LONGEST_SOCKET:
            return near
        name = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"relay-{name}" / "valkey.sock"

    @property
    def broker_url(self) -> str:
        """The broker as Celery spells it: `redis+socket:///path` for a Unix socket."""
        url = self.redis_url or f"unix://{self.socket}"
        return url.replace("unix://", "redis+socket://", 1)

    @property
    def client_url(self) -> str:
        """The same broker as redis-py spells it: `unix:///path` for a Unix socket."""
        url = self.redis_url or f"unix://{self.socket}"
        return url.replace("redis+socket://", "unix://", 1)


def _own(database_url: str, home: Path) -> tuple[bytes, ...]:
    if not database_url.startswith("sqlite"):
        raise missing_keys()
    return kept_keys(home)


def _here(bind: str, port: int) -> str:
    host = _EVERYWHERE.get(bind) or (f"[{bind}]" if ":" in bind else bind)
    return f"http://{host}:{port}"
