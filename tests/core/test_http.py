"""The way out, against real servers on loopback: what was not sent, what may have been done."""

import asyncio
import gzip
import itertools
import json
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from relay.core.errors import (
    AuthError,
    BlockedTarget,
    PermanentError,
    RetryableError,
    UnknownOutcome,
)
from relay.core.targets import INTERNAL, PUBLIC, TargetPolicy, networks
from relay.http import Client, Http, Response, error_for, mask, mask_headers, retry_after_of, shown
from relay.http import names as looking

LAPTOP = TargetPolicy(allow=networks(["127.0.0.0/8", "::1/128"]), allow_http=True)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that answers every request by `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def calling(policy: TargetPolicy = LAPTOP, **settings: int) -> AsyncIterator[Http]:
    client = Client()
    try:
        yield Http(client, policy=policy, **settings)
    finally:
        await client.aclose()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


async def _echo(request: web.Request) -> web.StreamResponse:
    body = (await request.read()).decode()
    return web.json_response(
        {"method": request.method, "body": body, "query": dict(request.query),
         "headers": {name.lower(): value for name, value in request.headers.items()}}
    )  # fmt: skip


def test_amounts_leave_and_arrive_digit_by_digit() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert await request.read() == b'{"amount":200.10,"name":"Z\xc3\xbcrich"}'
        return web.Response(body=b'{"balance": 0.10, "big": 12345678901234567890.12}')

    async def story() -> None:
        async with serving(answer) as url, calling() as http:
            sent = {"amount": Decimal("200.10"), "name": "Zürich"}
            response = await http.request("POST", url, json=sent)
            assert str(response.json()["balance"]) == "0.10"
            assert response.json()["big"] == Decimal("12345678901234567890.12")

    asyncio.run(story())


def test_forms_parameters_and_basic_auth_are_written_as_servers_expect() -> None:
    async def story() -> None:
        async with serving(_echo) as url, calling() as http:
            response = await http.request(
                "POST",
                f"{url}/query?minorversion=75",
                form={"a": "1 2"},
                params={"q": "x y+z & 100% = 'ü'"},
                auth=("user", "pä:ss"),
            )
            got = response.json()
            assert got["body"] == "a=1+2"
            assert got["query"] == {"minorversion": "75", "q": "x y+z & 100% = 'ü'"}
            assert got["headers"]["authorization"] == "Basic dXNlcjpww6Q6c3M="
            assert got["headers"]["content-type"] == "application/x-www-form-urlencoded"
            assert got["headers"]["user-agent"].startswith("Relay/")

    asyncio.run(story())


def test_a_refused_connection_was_surely_not_sent() -> None:
    async def story() -> None:
        async with calling() as http:
            with pytest.raises(RetryableError, match="refused") as caught:
                await http.request("POST", f"http://127.0.0.1:{free_port()}/x?key=1", json={})
            assert not isinstance(caught.value, UnknownOutcome)
            assert "key=1" not in str(caught.value)

    asyncio.run(story())


def test_a_name_nobody_has_was_surely_not_sent() -> None:
    async def story() -> None:
        async with calling() as http:
            with pytest.raises(RetryableError, match="looked up") as caught:
                await http.request("POST", "https://nobody.invalid/", json={}, timeout=10)
            assert not isinstance(caught.value, UnknownOutcome)

    asyncio.run(story())


def of_ones_own(folder: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody but its maker has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=3650))
        .not_valid_after(NOW + timedelta(days=3650))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    kept = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "server.pem"
    path.write_bytes(kept + made.public_bytes(serialization.Encoding.PEM))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    return tls


def test_a_certificate_that_nobody_signed_is_not_trusted_and_nothing_is_sent(
    tmp_path: Path,
) -> None:
    called = False

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal called
        called = True
        return web.Response()

    async def story() -> None:
        async with serving(answer, of_ones_own(tmp_path)) as url, calling() as http:
            with pytest.raises(RetryableError, match="certificate is not trusted") as caught:
                await http.request("POST", url, json={})
            assert not isinstance(caught.value, UnknownOutcome)

    asyncio.run(story())
    assert not called


def test_a_server_without_tls_was_surely_not_sent_to() -> None:
    async def story() -> None:
        async with serving(_echo) as url, calling() as http:
            with pytest.raises(RetryableError) as caught:
                await http.request("POST", url.replace("http:", "https:"), json={})
            assert not isinstance(caught.value, UnknownOutcome)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("method", "kind"), [("POST", UnknownOutcome), ("DELETE", UnknownOutcome), ("GET", None)]
)
def test_a_server_that_hangs_after_reading_may_have_done_it(
    method: str, kind: type[RetryableError] | None
) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await request.read()
        await asyncio.Event().wait()
        raise AssertionError

    async def story() -> None:
        async with serving(hang) as url, calling() as http:
            with pytest.raises(RetryableError, match="too long") as caught:
                await http.request(method, url, content=b"x", timeout=0.2)
            assert isinstance(caught.value, UnknownOutcome) is (kind is UnknownOutcome)
            assert http.journal[-1].error == str(caught.value)
            assert http.journal[-1].status is None

    asyncio.run(story())


def test_a_connection_cut_after_sending_may_have_done_it() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def story() -> None:
        async with serving(cut) as url, calling() as http:
            with pytest.raises(UnknownOutcome):
                await http.request("POST", url, json={})

    asyncio.run(story())


def test_an_answer_that_drips_for_ever_ends_at_the_deadline() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.02)

    async def story() -> float:
        async with serving(drip) as url, calling() as http:
            began = asyncio.get_running_loop().time()
            with pytest.raises(UnknownOutcome):
                await http.request("POST", url, content=b"", timeout=0.3)
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(story()) < 2


def test_a_hundred_megabytes_are_read_up_to_the_limit_and_no_further() -> None:
    sent = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 1024 * 1024)
            sent += 1
        return response

    async def story() -> None:
        async with serving(pour) as url, calling(limit=1000) as http:
            response = await http.request("POST", url, content=b"")
            assert (len(response.content), response.truncated) == (1000, True)
            assert response.is_success

    asyncio.run(story())
    assert sent < 50


@pytest.mark.parametrize(
    ("encoding", "packed", "content", "truncated"),
    [
        ("gzip", gzip.compress(b"hello"), b"hello", False),
        ("deflate", zlib.compress(b"hello"), b"hello", False),
        ("gzip", gzip.compress(b"0" * 50_000_000), b"0" * 100_000, True),
        ("gzip", b"none of it", b"none of it", False),
        ("br", b"not ours", b"not ours", False),
    ],
    ids=["gzip", "deflate", "a bomb", "a lie", "unknown"],
)
def test_what_comes_packed_though_we_asked_for_plain_is_unpacked_up_to_the_limit(
    encoding: str, packed: bytes, content: bytes, truncated: bool
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.headers["accept-encoding"] == "identity"
        return web.Response(body=packed, headers={"content-encoding": encoding})

    async def story() -> Response:
        async with serving(answer) as url, calling(limit=100_000) as http:
            return await http.request("GET", url)

    response = asyncio.run(story())
    assert (response.content, response.truncated) == (content, truncated)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    calls = 0

    async def redirect(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return web.Response(status=302, headers={"location": "http://169.254.169.254/"})

    async def story() -> Response:
        async with serving(redirect) as url, calling() as http:
            return await http.request("POST", url, content=b"")

    response = asyncio.run(story())
    assert (response.status, response.is_success, calls) == (302, False, 1)
    assert isinstance(error_for(response, "the target"), PermanentError)


def test_cookies_are_never_kept() -> None:
    async def cookie(request: web.Request) -> web.StreamResponse:
        response = web.json_response({"cookie": request.headers.get("cookie")})
        response.set_cookie("session", "1")
        return response

    async def story() -> None:
        async with serving(cookie) as url, calling() as http:
            for _ in range(2):
                assert (await http.request("GET", url)).json() == {"cookie": None}

    asyncio.run(story())


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://169.254.169.254/latest/meta-data",
        "http://user:pw@127.0.0.1:{port}/",
        "file:///etc/passwd",
    ],
)
def test_no_spelling_of_a_private_address_is_called(url: str) -> None:
    called = False

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal called
        called = True
        return web.Response()

    async def story() -> None:
        async with serving(answer) as base:
            port = int(base.rpartition(":")[2])
            policy = TargetPolicy(allow_http=True, ports=frozenset({port}))
            async with calling(policy) as http:
                with pytest.raises(BlockedTarget, match="blocked target"):
                    await http.request("POST", url.format(port=port), content=b"")

    asyncio.run(story())
    assert not called


class Names(AbstractResolver):
    """A resolver that knows these names only."""

    def __init__(self, **names: Sequence[str]) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=ip, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in ip else socket.AF_INET,
            )
            for ip in self._names[host.partition(".")[0]]
        ]  # fmt: skip

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["169.254.169.254"], ["::ffff:10.0.0.1"], ["64:ff9b::a00:1"],
     ["127.0.0.1", "10.0.0.1"], ["127.0.0.1", "fd00:ec2::254"]],
)  # fmt: skip
def test_a_name_with_even_one_address_inside_is_refused_when_it_is_called(
    addresses: list[str],
) -> None:
    called = False

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal called
        called = True
        return web.Response()

    async def story() -> None:
        client = Client(resolver=Names(evil=addresses, good=["127.0.0.1"]))
        async with serving(answer) as url:
            port = url.rpartition(":")[2]
            http = Http(client, policy=LAPTOP)
            with pytest.raises(BlockedTarget, match="blocked target"):
                await http.request("POST", f"http://evil.example:{port}/", content=b"")
            assert not called
            await http.request("POST", f"http://good.example:{port}/", content=b"")
        await client.aclose()

    asyncio.run(story())
    assert called


class Rebinding(Names):
    """A name that is outside the first time, and inside from then on."""

    asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        return await super().resolve("first" if self.asked == 1 else "then", port, family)


def test_a_name_that_moves_inside_is_asked_once_a_call_and_judged_at_every_connection() -> None:
    """The second look-up is the hole: what was checked is what is connected to."""
    called = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal called
        called += 1
        return web.Response()

    async def story() -> None:
        names = Rebinding(first=["127.0.0.1"], then=["10.0.0.1"])
        client = Client(resolver=names)
        async with serving(answer) as url:
            moved = f"http://moves.example:{url.rpartition(':')[2]}/"
            await Http(client, policy=LAPTOP).request("POST", moved, content=b"")
            assert (names.asked, called) == (1, 1)
            await client.aclose()
            with pytest.raises(BlockedTarget, match="blocked target"):
                await Http(client, policy=LAPTOP).request("POST", moved, content=b"")
        await client.aclose()

    asyncio.run(story())
    assert called == 1


def test_names_that_nobody_answers_for_hold_up_no_other() -> None:
    over, all_asked = threading.Event(), threading.Event()
    asked = itertools.count(1)

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if host.startswith("silent"):
            if next(asked) == 40:
                all_asked.set()
            over.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def story() -> None:
        client = Client(resolver=looking.Names(look_up, seconds=30))
        http = Http(client, policy=LAPTOP)
        async with serving(_echo) as url:
            port = url.rpartition(":")[2]
            silent = [
                asyncio.create_task(http.request("POST", f"http://silent{n}.example:{port}/"))
                for n in range(40)
            ]
            assert await asyncio.to_thread(all_asked.wait, 30)
            assert (await http.request("POST", f"http://good.example:{port}/")).is_success
            assert not any(task.done() for task in silent)
            over.set()
            for task in silent:
                with pytest.raises(RetryableError, match="the name could not be looked up"):
                    await task
        await client.aclose()

    try:
        asyncio.run(story())
    finally:
        over.set()


def test_a_name_that_nobody_answers_for_is_waited_for_as_long_as_was_said() -> None:
    over = threading.Event()

    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        over.wait(30)
        return []

    try:
        with pytest.raises(OSError, match=r"within 0\.05 s where silent\.example is"):
            asyncio.run(looking.Names(look_up, seconds=0.05).resolve("silent.example"))
    finally:
        over.set()


def test_a_connection_made_under_a_wide_policy_does_not_serve_a_narrow_one() -> None:
    async def story() -> None:
        client = Client(resolver=Names(sandbox=["127.0.0.1"]))
        async with serving(_echo) as url:
            port = int(url.rpartition(":")[2])
            inside = f"http://sandbox.example:{port}/"
            await Http(client, policy=INTERNAL).request("GET", inside)
            narrow = TargetPolicy(allow_http=True, ports=frozenset({port}))
            for policy in (narrow, PUBLIC):
                with pytest.raises(BlockedTarget):
                    await Http(client, policy=policy).request("GET", inside)
        await client.aclose()

    asyncio.run(story())


def test_an_egress_proxy_takes_every_outside_call_and_none_of_ours() -> None:
    asked: list[str] = []

    async def proxy(request: web.Request) -> web.StreamResponse:
        asked.append(str(request.url))
        assert request.headers["proxy-authorization"] == "Basic bWU6aHVudGVyMg=="
        return web.Response(text="by the proxy")

    async def story() -> None:
        async with serving(proxy) as through, serving(_echo) as ours:
            client = Client(proxy=through.replace("//", "//me:hunter2@"))
            public = Http(client, policy=TargetPolicy(allow_http=True))
            answer = await public.request("POST", "http://hooks.example.com/in?a=1", content=b"")
            assert answer.text == "by the proxy"
            with pytest.raises(BlockedTarget):
                await public.request("POST", "http://169.254.169.254/", content=b"")
            inside = await Http(client, policy=INTERNAL).request("GET", ours)
            assert inside.json()["method"] == "GET"
            await client.aclose()

    asyncio.run(story())
    assert asked == ["http://hooks.example.com/in?a=1"]


def test_a_public_address_on_a_port_of_another_service_is_not_called() -> None:
    async def story() -> None:
        async with calling() as http:
            with pytest.raises(BlockedTarget):
                await http.request("POST", "http://8.8.8.8:25/", content=b"", timeout=2)

    asyncio.run(story())


def test_the_journal_shows_the_exchange_without_its_secrets() -> None:
    async def tokens(request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"access_token": "at-1", "refresh_token": 'r"t-1', "realm": "77"},
            headers={"Set-Cookie": "s=cookie-1", "X-Request-Id": "r-9"},
        )

    async def story() -> Http:
        async with serving(tokens) as url, calling() as http:
            await http.request(
                "POST", f"{url}/token?api_key=qk-1", auth=("client", "cs-1"), purpose="refresh",
                form={"grant_type": "refresh_token", "refresh_token": "rt-0", "code": "co-1",
                      "client_secret": "cs-1"},
                headers={"X-Api-Key": "hk-1", "Idempotency-Key": "visible-1"},
            )  # fmt: skip
            return http

    entry = asyncio.run(story()).journal[0]
    everything = repr(entry)
    for secret in ("at-1", 't-1"', "cookie-1", "qk-1", "cs-1", "rt-0", "hk-1", "co-1", "Y2xpZW50"):
        assert secret not in everything, secret
    assert entry.status == 200
    assert entry.purpose == "refresh"
    assert "visible-1" in everything
    assert "grant_type=refresh_token" in entry.request_body
    assert entry.response_headers["x-request-id"] == "r-9"
    assert entry.took_ms > 0


def test_a_secret_that_stands_at_the_cut_is_not_shown_in_part() -> None:
    body = json.dumps({"padding": "x" * 19_960, "access_token": "s3cr3t" * 100}).encode()
    assert "s3cr3t" not in shown(body)
    assert len(shown(body)) < 20_100
    assert mask('{"code": "3100"}') == '{"code": "3100"}'
    assert mask_headers({"webhook-signature": "v1,abc"}) == {"webhook-signature": "v1,abc"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthError), (403, AuthError), (408, RetryableError), (425, RetryableError),
     (429, RetryableError), (500, RetryableError), (503, RetryableError), (400, PermanentError),
     (404, PermanentError), (410, PermanentError), (422, PermanentError), (302, PermanentError)],
)  # fmt: skip
def test_a_status_says_what_to_do_next(status: int, kind: type[Exception]) -> None:
    error = error_for(Response(status=status, headers={}, content=b""), "QuickBooks, POST /invoice")
    assert type(error) is kind
    assert error.status == status
    assert str(error) == f"QuickBooks, POST /invoice answered {status}"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(0)),
        ("Tue, 24 Nov 2026 09:01:00 GMT", timedelta(minutes=1)),
        ("Tue, 24 Nov 2026 08:00:00 GMT", timedelta(0)),
        ("999999999999", timedelta(hours=10)),
        ("Tue, 24 Nov 9999 08:00:00 GMT", timedelta(hours=10)),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(text: str, wait: timedelta | None) -> None:
    response = Response(status=503, headers={"retry-after": text}, content=b"", at=NOW)
    assert retry_after_of(response) == wait
