"""The ways a sender can prove itself, by the source's option `scheme`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from relay import standard_webhooks
from relay.core import basic, options
from relay.core.errors import BadSignature, InvalidInput
from relay.core.signing import HmacScheme, Signed, check_scheme, same_secret
from relay.integration import InboundRequest, SourceConfig

STANDARD = "standard"
DEFAULT_TOLERANCE = 300
USER = "relay"

OPTIONS = {
    "scheme": "standard (Standard Webhooks, HMAC or ed25519), hmac, basic, bearer, header or token",
    "header": "hmac, header: the header that holds the signature or the key",
    "algorithm": "hmac: sha256, sha1 or sha512",
    "key": "hmac: how the secret is written: text, hex or base64",
    "encoding": "hmac: hex or base64",
    "prefix": "hmac: what stands before the signature, such as sha256= or v1=",
    "separator": "hmac: what divides several entries of the header, such as ,",
    "signed": "hmac: what is signed, such as {body} or {timestamp}.{body} or v0:{timestamp}:{body}",
    "timestamp": "hmac: where the time stands: header:<name>, part:<its prefix> or first",
    "tolerance": "hmac: how many seconds the time may be off, both ways (300)",
}


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """Raises BadSignature, also for a scheme that does not exist: a typing error must not open
    the door."""
    _check(config).verify(request, config)


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    """The headers that make a body pass."""
    return _check(config).sign(body, config, now)


def challenge(config: SourceConfig) -> dict[str, str]:
    """What a refused sender is asked for (RFC 9110, 11.6.1)."""
    asked = {"basic": basic.CHALLENGE, "bearer": {"www-authenticate": "Bearer"}}
    return dict(asked.get(_name(config), {}))


@dataclass(frozen=True, slots=True)
class _Check:
    """A scheme as its two functions."""

    verify: Callable[[InboundRequest, SourceConfig], None]
    sign: Callable[[bytes, SourceConfig, datetime], Mapping[str, str]]


def _name(config: SourceConfig) -> str:
    return options.text(config.options, "scheme", STANDARD).lower()


def _check(config: SourceConfig) -> _Check:
    name = _name(config)
    if name not in _CHECKS:
        raise BadSignature(f"this source's scheme {name!r} is none of {', '.join(_CHECKS)}")
    return _CHECKS[name]


def _standard(request: InboundRequest, config: SourceConfig) -> None:
    standard_webhooks.verify(request.headers, request.body, config.secrets, request.received_at)


def _sign_standard(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    message = f"msg_{int(now.timestamp() * 1000)}"
    return standard_webhooks.sign(message, body, config.secrets, now)


def scheme_of(config: SourceConfig) -> HmacScheme:
    """The source's own HMAC scheme. Raises InvalidInput where it could not work."""
    chosen = config.options
    seconds = options.text(chosen, "tolerance", str(DEFAULT_TOLERANCE))
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < len("1000000")):
        raise InvalidInput("The tolerance is a number of seconds", {"tolerance": ["a number"]})
    scheme = HmacScheme(
        header=options.header(chosen, "header") or "x-signature",
        algorithm=options.text(chosen, "algorithm", "sha256").lower(),
        key=options.text(chosen, "key", "text").lower(),
        encoding=options.text(chosen, "encoding", "hex").lower(),
        prefix=options.text(chosen, "prefix"),
        separator=str(chosen.get("separator") or ""),
        signed=options.text(chosen, "signed", "{body}"),
        timestamp=options.text(chosen, "timestamp"),
        tolerance=timedelta(seconds=int(seconds)),
    )
    check_scheme(scheme)
    return scheme


def _hmac(request: InboundRequest, config: SourceConfig) -> None:
    try:
        scheme = scheme_of(config)
    except InvalidInput as error:
        raise BadSignature(f"this source's signature settings cannot work: {error}") from error
    signed = Signed(
        body=request.body, headers=request.headers, url=request.url, method=request.method
    )
    scheme.verify(signed, config.secrets, request.received_at)


def _sign_hmac(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    return scheme_of(config).sign(Signed(body=body), config.secrets, now)


def _basic(request: InboundRequest, config: SourceConfig) -> None:
    """The secret is `user:password`, as one text, or the password of `relay`."""
    basic.check(request.headers, [basic.pair_of(secret, USER) for secret in config.secrets])


def _sign_basic(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    del body, now
    return basic.header(basic.pair_of(config.secrets[0], USER))


def _bearer(request: InboundRequest, config: SourceConfig) -> None:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not same_secret(given.strip(), config.secrets):
        raise BadSignature("the Authorization header does not hold the source's secret")


def _sign_bearer(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    del body, now
    return {"authorization": f"Bearer {config.secrets[0]}"}


def _key_header(config: SourceConfig) -> str:
    return options.header(config.options, "header") or "x-api-key"


def _header(request: InboundRequest, config: SourceConfig) -> None:
    name = _key_header(config)
    if not same_secret(request.headers.get(name, ""), config.secrets):
        raise BadSignature(f"the header {name} does not hold the source's secret")


def _sign_header(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    del body, now
    return {_key_header(config): config.secrets[0]}


def _token(request: InboundRequest, config: SourceConfig) -> None:
    """The token in the address is the proof."""
    del request, config


def _sign_token(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    del body, config, now
    return {}


_CHECKS = {
    STANDARD: _Check(_standard, _sign_standard),
    "hmac": _Check(_hmac, _sign_hmac),
    "basic": _Check(_basic, _sign_basic),
    "bearer": _Check(_bearer, _sign_bearer),
    "header": _Check(_header, _sign_header),
    "token": _Check(_token, _sign_token),
}
