"""How a callout proves itself, by the source's option `auth`."""

import re
from collections.abc import Mapping

from relay.core import basic, options
from relay.core.errors import BadSignature, InvalidInput
from relay.core.signing import HmacScheme, check_scheme, same_secret
from relay.integration import Answer, InboundRequest, SourceConfig

USER = "relay"
WAYS = ("basic", "hmac", "token")

OPTIONS = {
    "auth": "basic (user relay, the secret as password), hmac, or token (the address alone)",
    "header": "hmac: the header that holds the signature (x-zuora-signature)",
    "algorithm": "hmac: sha256, sha1 or sha512",
    "encoding": "hmac: hex or base64",
    "signed": "hmac: what the tenant signs: {body}, or merge fields such as {AccountId}{PaymentId}",
}

_FIELD = re.compile(r"\{(\w+)\}")


def way(config: SourceConfig) -> str:
    """Raises BadSignature for one that does not exist: a typing error must not open the door."""
    name = options.text(config.options, "auth", "basic").lower()
    if name not in WAYS:
        raise BadSignature(f"this source's option auth {name!r} is none of {', '.join(WAYS)}")
    return name


def check_basic(request: InboundRequest, config: SourceConfig) -> None:
    """A secret with a colon is the whole pair; one without is the password of `relay`."""
    basic.check(request.headers, [basic.pair_of(secret, USER) for secret in config.secrets])


def sign_basic(config: SourceConfig) -> Mapping[str, str]:
    return basic.header(basic.pair_of(config.secrets[0], USER))


def check_hmac(fields: Mapping[str, str], body: bytes, given: str, config: SourceConfig) -> None:
    """`fields` are the callout's, by name, as text."""
    content = _content(fields, body, config)
    scheme = scheme_of(config)
    sent = given.strip().lower() if scheme.encoding == "hex" else given.strip()
    expected = [scheme.signature(content, secret) for secret in config.secrets]
    if not sent or not same_secret(sent, expected):
        raise BadSignature(f"the signature in {scheme.header} does not match")


def sign_hmac(fields: Mapping[str, str], body: bytes, config: SourceConfig) -> Mapping[str, str]:
    scheme = scheme_of(config)
    return {scheme.header: scheme.signature(_content(fields, body, config), config.secrets[0])}


def scheme_of(config: SourceConfig) -> HmacScheme:
    """Raises BadSignature for settings that could not work."""
    scheme = HmacScheme(
        header=options.header(config.options, "header") or "x-zuora-signature",
        algorithm=options.text(config.options, "algorithm", "sha256").lower(),
        encoding=options.text(config.options, "encoding", "hex").lower(),
    )
    try:
        check_scheme(scheme)
    except InvalidInput as error:
        raise BadSignature(f"this source's signature settings cannot work: {error}") from error
    return scheme


def refusal(config: SourceConfig) -> Answer:
    """401; Zuora sends its credentials when it is asked for them, and not before."""
    try:
        asks = way(config) == "basic"
    except BadSignature:
        asks = False
    return Answer(status=401, headers=basic.CHALLENGE if asks else {})


def _content(fields: Mapping[str, str], body: bytes, config: SourceConfig) -> bytes:
    template = options.text(config.options, "signed", "{body}")
    pieces = _FIELD.split(template)
    names = pieces[1::2]
    if not names:
        raise BadSignature("this source signs a fixed text, which proves nothing")
    values = {name.lower(): value for name, value in fields.items()}
    content = bytearray()
    for position, piece in enumerate(pieces):
        if position % 2 == 0:
            content += piece.encode()
        elif piece == "body":
            content += body
        elif piece.lower() in values:
            content += values[piece.lower()].encode("utf-8", "replace")
        else:
            raise BadSignature(f"the callout has no {piece}, which its signature covers")
    return bytes(content)
