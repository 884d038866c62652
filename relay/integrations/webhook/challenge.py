"""Questions that a sender asks an address before it sends anything, by the option `challenge`.

An address echoes only what its source is set up to echo, as plain text and short, so that it is
no mirror for strangers. api.slack.com "url_verification"; developers.facebook.com "Webhooks";
learn.microsoft.com "Receive change notifications"; developers.zoom.us "Webhooks"; developer.x.com
"Securing webhooks"; resthooks.org "Security".
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Mapping

from relay.bodies import object_or_none
from relay.core import exact_json, options
from relay.core.facts import a_map, a_text
from relay.core.signing import same_secret
from relay.integration import Answer, InboundRequest, SourceConfig

LONGEST = 400
TEXT = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
JSON = {"content-type": "application/json"}

# What is signed for whoever asks must be no body that a signature could speak for.
_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{1,200}={0,2}")

OPTION = (
    "slack, meta, graph, zoom, crc or resthooks: how the sender asks the address whether it is ours"
)


def answer(request: InboundRequest, config: SourceConfig) -> Answer | None:
    """The answer to a question that the source knows; None where the request is none."""
    ask = _ASKED.get(options.text(config.options, "challenge").lower())
    return None if ask is None else ask(request, config)


def _slack(request: InboundRequest, config: SourceConfig) -> Answer | None:
    del config
    body = _body(request)
    if body.get("type") != "url_verification":
        return None
    return _echo(a_text(body.get("challenge")))


def _meta(request: InboundRequest, config: SourceConfig) -> Answer | None:
    """The verify token is one of the source's secrets."""
    if request.method != "GET" or request.query.get("hub.mode") != "subscribe":
        return None
    if not same_secret(request.query.get("hub.verify_token", ""), config.secrets):
        return Answer(status=403)
    return _echo(request.query.get("hub.challenge"))


def _graph(request: InboundRequest, config: SourceConfig) -> Answer | None:
    del config
    given = request.query.get("validationToken")
    return None if given is None else _echo(given)


def _zoom(request: InboundRequest, config: SourceConfig) -> Answer | None:
    body = _body(request)
    if body.get("event") != "endpoint.url_validation":
        return None
    plain = a_text(a_map(body.get("payload")).get("plainToken")) or ""
    signed = _signed(plain, config)
    if signed is None:
        return Answer(status=403)
    told = exact_json.dumps({"plainToken": plain, "encryptedToken": signed.hex()})
    return Answer(status=200, body=told.encode(), headers=JSON)


def _crc(request: InboundRequest, config: SourceConfig) -> Answer | None:
    if request.method != "GET" or "crc_token" not in request.query:
        return None
    signed = _signed(request.query["crc_token"], config)
    if signed is None:
        return Answer(status=403)
    told = exact_json.dumps({"response_token": f"sha256={b64encode(signed).decode()}"})
    return Answer(status=200, body=told.encode(), headers=JSON)


def _resthooks(request: InboundRequest, config: SourceConfig) -> Answer | None:
    """The sender's secret goes back in the header that it came in."""
    del config
    given = request.headers.get("x-hook-secret")
    if given is None:
        return None
    if not given or len(given) > LONGEST or not (given.isascii() and given.isprintable()):
        return Answer(status=403)
    return Answer(status=200, headers={"x-hook-secret": given})


def _signed(token: str, config: SourceConfig) -> bytes | None:
    if not config.secrets or not _TOKEN.fullmatch(token):
        return None
    return hmac.new(config.secrets[0].encode(), token.encode(), hashlib.sha256).digest()


def _echo(text: str | None) -> Answer:
    if not text or len(text) > LONGEST or not text.isprintable():
        return Answer(status=403)
    return Answer(status=200, body=text.encode(), headers=TEXT)


def _body(request: InboundRequest) -> Mapping[str, object]:
    return object_or_none(request)


_ASKED: Mapping[str, Callable[[InboundRequest, SourceConfig], Answer | None]] = {
    "slack": _slack,
    "meta": _meta,
    "graph": _graph,
    "zoom": _zoom,
    "crc": _crc,
    "resthooks": _resthooks,
}
