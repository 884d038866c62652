"""What the environment may say, and what Relay answers when it is wrong."""

import base64
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from relay.core.errors import InvalidInput
from relay.keyring import kept_keys
from relay.settings import LONGEST_SOCKET, Settings
from relay.variables import SECRET, VARIABLES, read, strangers, text

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(32)).decode()
POSTGRESQL = "postgresql://relay:hunter2@db.example.com/relay"
DOCS = Path(__file__).parents[2] / "docs"


def settings(home: Path, **env: str) -> Settings:
    return Settings.from_env({"RELAY_HOME": str(home), **env})


def test_an_empty_environment_is_enough_for_one_machine(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.embedded
    assert found.database_url == f"sqlite:///{tmp_path}/relay.db"
    assert found.base_url == "http://127.0.0.1:8000"
    assert found.egress_http
    assert ip_network("127.0.0.0/8") in found.egress_allow
    assert found.retention_payloads == timedelta(days=30)
    assert found.retention_attempts == timedelta(days=90)


def test_the_keys_of_an_embedded_store_are_made_once_and_for_their_owner_alone(
    tmp_path: Path,
) -> None:
    first, second = settings(tmp_path / "home"), settings(tmp_path / "home")
    file = tmp_path / "home" / "secret-keys"
    assert first.secret_keys == second.secret_keys
    assert [len(key) for key in first.secret_keys] == [32]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        rings = set(pool.map(kept_keys, [tmp_path] * 64))
    assert len(rings) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret-keys"]


def test_a_damaged_key_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret-keys").write_text("half a k")
    with pytest.raises(InvalidInput, match=r"secret-keys is damaged.*Restore it from your backup"):
        settings(tmp_path)
    assert (tmp_path / "secret-keys").read_text() == "half a k"


def test_on_postgresql_the_keys_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^RELAY_SECRET_KEYS is not set.*make one with"):
        settings(tmp_path, RELAY_DATABASE_URL=POSTGRESQL)
    found = settings(tmp_path, RELAY_DATABASE_URL=POSTGRESQL, RELAY_SECRET_KEYS=f"{KEY},{OTHER}")
    assert found.secret_keys == (bytes(range(32)), bytes(32))
    assert not found.embedded
    assert not (tmp_path / "secret-keys").exists()


def test_beyond_one_machine_private_addresses_and_plain_http_stay_closed(tmp_path: Path) -> None:
    found = settings(tmp_path, RELAY_DATABASE_URL=POSTGRESQL, RELAY_SECRET_KEYS=KEY)
    assert found.egress_allow == ()
    assert not found.egress_http


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("PORT", "80000", "a port number from 1 to 65535"),
        ("PORT", "http", "a port number from 1 to 65535"),
        ("RELAY_BASE_URL", "relay.example.com", "https://relay.example.com"),
        ("RELAY_BIND", "localhost", "an IP address such as 127.0.0.1"),
        ("RELAY_DATABASE_URL", "mysql://x/y", "postgresql://"),
        ("RELAY_DATABASE_URL", "sqlite:relay.db", "sqlite:////path/to/file"),
        ("RELAY_EGRESS_ALLOW", "10.0.0.0/33", "such as 10.1.0.0/16"),
        ("RELAY_EGRESS_HTTP", "perhaps", "yes or no"),
        ("RELAY_EGRESS_PROXY", "proxy:3128", "a web address"),
        ("RELAY_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("RELAY_REDIS_URL", "valkey://host", "redis://"),
        ("RELAY_RETENTION_ATTEMPTS", "0", "days, 1 or more"),
        ("RELAY_RETENTION_PAYLOADS", "a month", "days, 1 or more"),
        ("RELAY_SECRET_KEYS", "hunter2", "in base64"),
        ("RELAY_SECRET_KEYS", f"{KEY} {KEY}", "the same key twice"),
        ("RELAY_SMTP_URL", "mail.example.com", "smtp://"),
        ("RELAY_TRUSTED_PROXIES", "load-balancer", "such as 10.1.0.0/16"),
    ],
)
def test_a_wrong_variable_stops_the_start_with_its_name_and_the_mend(
    tmp_path: Path, name: str, value: str, mend: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        settings(tmp_path, **{name: value})
    said = str(caught.value)
    assert said.startswith(f"{name} is ")
    assert mend in said
    assert (value in said) is (name not in SECRET)


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"^RELAY_HOME is '.*/file/home'; it cannot be used"):
        settings(tmp_path / "file" / "home")


def test_secrets_do_not_show_when_settings_are_printed(tmp_path: Path) -> None:
    given = {
        "RELAY_DATABASE_URL": POSTGRESQL,
        "RELAY_SECRET_KEYS": KEY,
        "RELAY_REDIS_URL": "redis://:hunter2@broker/0",
        "RELAY_SMTP_URL": "smtp://me:hunter2@mail.example.com",
        "RELAY_EGRESS_PROXY": "http://me:hunter2@proxy.example.com",
        "RELAY_METRICS_TOKEN": "hunter2",
    }
    assert set(given) == SECRET
    shown = repr(settings(tmp_path, **given))
    assert "hunter2" not in shown
    assert repr(bytes(range(32))) not in shown


def test_a_broker_is_spelled_as_each_library_wants_it(tmp_path: Path) -> None:
    own = settings(tmp_path)
    assert own.broker_url == f"redis+socket://{tmp_path}/valkey.sock"
    assert own.client_url == f"unix://{tmp_path}/valkey.sock"
    other = settings(tmp_path, RELAY_REDIS_URL="redis://broker:6379/3")
    assert other.broker_url == other.client_url == "redis://broker:6379/3"


def test_the_brokers_socket_has_a_short_path_wherever_home_is(tmp_path: Path) -> None:
    deep = settings(tmp_path / ("d" * LONGEST_SOCKET))
    assert len(str(deep.socket)) < LONGEST_SOCKET
    assert deep.socket == settings(deep.home).socket
    assert deep.socket != settings(tmp_path / ("e" * LONGEST_SOCKET)).socket


@pytest.mark.parametrize(
    ("bind", "url"),
    [("0.0.0.0", "http://127.0.0.1:9000"), ("::1", "http://[::1]:9000")],
)
def test_the_address_shown_can_be_opened(tmp_path: Path, bind: str, url: str) -> None:
    assert settings(tmp_path, RELAY_BIND=bind, PORT="9000").base_url == url


def test_a_misspelled_variable_is_told_with_a_suggestion() -> None:
    told = strangers({"RELAY_DATABSE_URL": "x", "RELAY_HOME": "x", "RELAY_KEY": "x", "PATH": "x"})
    assert told == ["RELAY_DATABSE_URL is not a setting of Relay; did you mean RELAY_DATABASE_URL?"]


def test_a_setting_that_is_not_in_the_table_cannot_be_read() -> None:
    with pytest.raises(LookupError):
        read({}, "RELAY_NEW_THING", text, None)


def test_the_page_names_every_setting_and_no_other() -> None:
    page = (DOCS / "settings.md").read_text()
    assert sorted(re.findall(r"^### `(\w+)`", page, re.MULTILINE)) == sorted(VARIABLES)
