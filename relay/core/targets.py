"""Which addresses we agree to call: no private networks, no credentials in URLs, no odd spellings.

A URL is checked when a person saves it (`check_url`), and the address behind it at every connect
(`blocked`), because a name may answer differently the second time it is asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import SplitResult, urlsplit

from relay.core.errors import InvalidInput

Network = IPv4Network | IPv6Network

LONGEST_URL = 2048
HTTP_PORT = 80
HTTPS_PORT = 443

# `is_global` alone lets NAT64, 6to4, multicast and others through, so the table is written out:
# the IANA special-purpose registries, and the translation prefixes that can hide an IPv4 address.
_BLOCKED: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "IETF protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::/96", "IPv4-compatible"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("100::/64", "discard"),
    ("2001::/23", "IETF protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
_IPV4 = tuple((IPv4Network(text), why) for text, why in _BLOCKED if ":" not in text)
_IPV6 = tuple((IPv6Network(text), why) for text, why in _BLOCKED if ":" in text)
_LAST_32_BITS = tuple(
    IPv6Network(text) for text in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48")
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_LOOPBACK = ip_address("127.0.0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPolicy:
    """What a call may reach.

    allow       networks that may be reached although they are private, on any port
    allow_http  plain http as well as https
    ports       besides 443 (and 80 where plain http is allowed)
    internal    our own address: nothing is checked
    """

    allow: tuple[Network, ...] = ()
    allow_http: bool = False
    ports: frozenset[int] = frozenset()
    internal: bool = False


PUBLIC = TargetPolicy()
INTERNAL = TargetPolicy(internal=True)


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """`["127.0.0.0/8", "::1"]` as networks. Raises InvalidInput for what is none."""
    try:
        return tuple(ip_network(text.strip()) for text in texts if text.strip())
    except ValueError as error:
        raise InvalidInput(f"{error}; write a network such as 10.1.0.0/16") from error


def blocked(ip: str, allow: Sequence[Network] = ()) -> str | None:
    """Why this address must not be reached; None where it may.

    Every IPv4 address hidden inside an IPv6 one is judged too, even where the outer one is allowed.
    """
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return "not an address"
    if isinstance(address, IPv4Address):
        return _blocked_ipv4(address, allow)
    for inner in _embedded(address):
        if why := _blocked_ipv4(inner, allow):
            return why
    if address in _MAPPED or _within(address, allow):
        return None
    return next((why for network, why in _IPV6 if address in network), None)


def port_refused(ip: str, port: int, policy: TargetPolicy) -> bool:
    """Whether this port is closed to us there; allowed networks may be reached on any."""
    if policy.internal or port in _open_ports(policy):
        return False
    address = ip_address(ip.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return not _within(mapped or address, policy.allow)


def check_url(url: str, policy: TargetPolicy = PUBLIC) -> None:
    """Refuses a URL we would never call. Raises InvalidInput, in words for whoever typed it.

    A host name is not looked up here: its addresses are judged when it is called.
    """
    if not policy.internal:
        _check(url, policy)


# A target is called again and again; the answer depends on these two alone.
@lru_cache(maxsize=4096)
def _check(url: str, policy: TargetPolicy) -> None:
    parts = _split(url)
    if parts.scheme == "http" and not policy.allow_http:
        raise InvalidInput("The address must begin with https://")
    if parts.scheme not in ("http", "https"):
        raise InvalidInput("The address must begin with https://")
    if "@" in parts.netloc:
        raise InvalidInput("The address must not contain a user name or password")
    _check_host(_host(parts), policy)
    _check_port(parts, policy)


def _split(url: str) -> SplitResult:
    if len(url) > LONGEST_URL:
        raise InvalidInput(f"The address is longer than {LONGEST_URL} characters")
    if "\\" in url or any(ord(sign) <= ord(" ") or sign == "\x7f" for sign in url):
        raise InvalidInput("The address contains spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidInput(f"This is not a web address: {error}") from error
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host or "%" in host:
        raise InvalidInput("The address has no host name that can be called")
    if ":" in host:
        return host
    try:
        return host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as error:
        raise InvalidInput(f"The host name {host!r} is not a valid one") from error


def _check_host(host: str, policy: TargetPolicy) -> None:
    if host == "localhost" or host.endswith(".localhost"):
        if not _within(_LOOPBACK, policy.allow):
            raise InvalidInput("Blocked target: this address is on our own machine")
        return
    if ":" not in host and not _is_number(host.rpartition(".")[2]):
        return
    try:
        ip_address(host)
    except ValueError as error:
        raise InvalidInput("Write an IP address in its usual form, such as 198.51.100.7") from error
    if blocked(host, policy.allow):
        raise InvalidInput("Blocked target: this address is not on the public internet")


def _is_number(label: str) -> bool:
    """What resolvers read as part of an IPv4 address: decimal, octal or hexadecimal."""
    if label.isdigit():
        return True
    return label[:2] == "0x" and all(sign in "0123456789abcdef" for sign in label[2:])


def _check_port(parts: SplitResult, policy: TargetPolicy) -> None:
    port = parts.port
    # Where private networks are allowed, the address behind the name decides at the connect.
    if port is None or policy.allow or port in _open_ports(policy):
        return
    raise InvalidInput(f"Port {port} is not one we call; use {HTTPS_PORT}")


def _open_ports(policy: TargetPolicy) -> frozenset[int]:
    usual = {HTTPS_PORT, HTTP_PORT} if policy.allow_http else {HTTPS_PORT}
    return policy.ports | usual


def _blocked_ipv4(address: IPv4Address, allow: Sequence[Network]) -> str | None:
    if _within(address, allow):
        return None
    return next((why for network, why in _IPV4 if address in network), None)


def _within(address: IPv4Address | IPv6Address, allow: Sequence[Network]) -> bool:
    return any(address in network for network in allow)


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses inside: mapped, compatible, NAT64, 6to4, Teredo."""
    number = int(address)
    if number > 1 and any(address in network for network in _LAST_32_BITS):
        yield IPv4Address(number & 0xFFFFFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
