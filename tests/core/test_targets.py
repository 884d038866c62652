"""Which addresses may be called: the whole table, and every spelling that hides one."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.errors import InvalidInput
from relay.core.targets import INTERNAL, TargetPolicy, blocked, check_url, networks, port_refused

# webhook senders' practice and the IANA special-purpose registries; written out a second time on
# purpose, so that the test does not repeat the code.
CLOSED = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.0.2.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
    "2002::/16",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
CLOSED4 = [ip_network(text) for text in CLOSED if ":" not in text]


@pytest.mark.parametrize("network", CLOSED)
@given(share=st.floats(0, 1))
def test_no_address_of_a_closed_network_may_be_called(network: str, share: float) -> None:
    inside = ip_network(network)
    address = inside[min(int(share * inside.num_addresses), inside.num_addresses - 1)]
    assert blocked(str(address)) is not None


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_the_same_when_mapped_and_always_closed_when_translated(
    number: int,
) -> None:
    plain = IPv4Address(number)
    closed = any(plain in network for network in CLOSED4)
    assert (blocked(str(plain)) is not None) is closed
    assert (blocked(str(IPv6Address((0xFFFF << 32) | number))) is not None) is closed
    for hidden in (
        IPv6Address((0x64FF9B << 96) | number),
        IPv6Address((0x2002 << 112) | (number << 80) | 1),
        IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),
        IPv6Address(number),
    ):
        assert blocked(str(hidden)) is not None


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_may_be_called(text: str) -> None:
    assert blocked(text) is None


def test_an_allowed_network_opens_itself_and_nothing_hidden_inside_it() -> None:
    allow = networks(["10.1.0.0/16", " 64:ff9b::/96 ", ""])
    assert blocked("10.1.2.3", allow) is None
    assert blocked("::ffff:10.1.2.3", allow) is None
    assert blocked("10.2.0.1", allow) is not None
    assert blocked("64:ff9b::8.8.8.8", allow) is None
    assert blocked("64:ff9b::a9fe:a9fe", allow) == "link-local"


def test_what_is_no_address_or_no_network_is_refused() -> None:
    assert blocked("127.1") is not None
    assert blocked("fe80::1%eth0") is not None
    with pytest.raises(InvalidInput):
        networks(["10.0.0.1/8"])


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/in/1?a=b",
        "https://hooks.example.com:443/",
        "https://bücher.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
    ],
)
def test_a_public_https_address_is_taken(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.com/", "https"),
        ("ftp://hooks.example.com/", "https"),
        ("hooks.example.com", "https"),
        ("https://user:pw@hooks.example.com/", "user name"),
        ("https://@hooks.example.com/", "user name"),
        ("https:///path", "host name"),
        ("https://hooks.example.com:22/", "Port 22"),
        ("https://hooks.example.com:99999/", "not a web address"),
        ("https://hooks.example.com\\@127.0.0.1/", "backslashes"),
        ("https://hooks.example.com/ x", "spaces"),
        ("https://hooks.example.com/\r\nx: y", "spaces"),
        ("https://127.0.0.1/", "Blocked target"),
        ("https://127.0.0.1./", "Blocked target"),
        ("https://\uff11\uff12\uff17.0.0.1/", "Blocked target"),
        ("https://[::1]/", "Blocked target"),
        ("https://[::ffff:169.254.169.254]/", "Blocked target"),
        ("https://[fd00:ec2::254]/", "Blocked target"),
        ("https://localhost/", "Blocked target"),
        ("https://app.localhost/", "Blocked target"),
        ("https://2130706433/", "usual form"),
        ("https://0x7f000001/", "usual form"),
        ("https://0177.0.0.1/", "usual form"),
        ("https://127.1/", "usual form"),
        ("https://0x7f.0.0.0x1/", "usual form"),
        ("https://%31%32%37.0.0.1/", "host name"),
        ("https://[fe80::1%25eth0]/", "host name"),
        ("https://" + "a" * 3000 + ".com/", "longer"),
    ],
)
def test_an_address_we_never_call_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        check_url(url)


def test_a_relay_on_a_laptop_may_call_its_own_machine_on_any_port() -> None:
    laptop = TargetPolicy(allow=networks(["127.0.0.0/8", "::1/128"]), allow_http=True)
    for url in ("http://localhost:9000/", "http://127.0.0.1:9000/", "http://[::1]:9000/x"):
        check_url(url, laptop)
    assert not port_refused("127.0.0.1", 9000, laptop)
    assert not port_refused("::ffff:127.0.0.1", 9000, laptop)
    assert port_refused("8.8.8.8", 9000, laptop)
    assert not port_refused("8.8.8.8", 80, laptop)
    assert port_refused("8.8.8.8", 80, TargetPolicy())


def test_our_own_address_is_not_judged() -> None:
    check_url("http://127.0.0.1:8000/sandbox/quickbooks", INTERNAL)
    assert not port_refused("127.0.0.1", 8000, INTERNAL)


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused_and_never_breaks_the_check(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/"):
        try:
            check_url(url)
        except InvalidInput:
            continue
        host = url.split("//")[1].split("/")[0].split("?")[0].split("#")[0]
        assert host
        try:
            literal = ip_address(host.strip("[]").removesuffix(".").removesuffix(":443"))
        except ValueError:
            continue
        assert blocked(str(literal)) is None
