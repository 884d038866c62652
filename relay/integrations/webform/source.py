"""Posts of web forms: urlencoded, multipart or JSON, from browsers, scripts and form builders.

A form signs nothing by itself; the unguessable token in its address is its proof, and any of a
shared field, a signature and a list of allowed origins may be asked for besides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from relay import forms, people, proofs
from relay.bodies import forms_in
from relay.core import exact_json, options
from relay.core.errors import BadSignature, Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_text, find_person, flattened
from relay.core.signing import HmacScheme, same_secret
from relay.integration import Accepted, Answer, InboundRequest, Source, SourceConfig

SUBMISSION = "submission_id"
PREFLIGHT_SECONDS = "600"

OPTIONS = {
    "redirect": "where a person's browser goes after posting (an https:// address)",
    "honeypot": "a field that people cannot see; a post that fills it is kept as spam",
    "origins": "the sites that may post from their pages, such as https://www.example.com",
    "secret_field": "a field that must hold the source's secret",
    "signature_header": "a header that must hold the HMAC-SHA256 of the body, in hex",
    "region": "the country of telephone numbers without a country code (US)",
    "email_field": "the field that holds the email address, where its name does not say so",
}


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """The shared field and the signature, where they are asked for; the origin, where it is
    limited. A caller that proves itself by a secret needs no origin."""
    _verify_signature(request, config)
    _verify_field(request, config)
    origins = options.texts(config.options, "origins")
    origin = request.headers.get("origin", "")
    proven = options.text(config.options, "signature_header") or options.text(
        config.options, "secret_field"
    )
    if origins and (origin or not proven) and not _is_allowed(origin, origins):
        raise BadSignature(f"the origin {origin[:100]!r} is not one of this source's")


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """One event for each submission; more than one only for a JSON array."""
    submissions = forms_in(request)
    events = [_event(fields, config) for fields in submissions]
    if len(events) == 1:
        return events
    return [
        replace(event, key=_key(fields)) for event, fields in zip(events, submissions, strict=True)
    ]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """The `submission_id`, where the form carries one: two people may send the same form."""
    del config
    if SUBMISSION.encode() not in request.body:
        return None
    submissions = _submissions(request)
    return _key(submissions[0]) if len(submissions) == 1 else None


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    submissions = _submissions(request)
    if len(submissions) != 1:
        return None
    return people.email(_found(submissions[0], config).get("email"))


def handshake(request: InboundRequest, config: SourceConfig) -> Answer | None:
    """A browser's question before a script posts from another site (fetch.spec.whatwg.org,
    CORS-preflight fetch)."""
    if request.method != "OPTIONS":
        return None
    allowed = _cors(request, config)
    if not allowed:
        return Answer(status=403)
    asked = request.headers.get("access-control-request-headers", "content-type")
    return Answer(
        status=204,
        headers=allowed
        | {
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": asked if asked.isprintable() else "content-type",
            "access-control-max-age": PREFLIGHT_SECONDS,
        },
    )


def accepted(request: InboundRequest, accepted: Accepted, config: SourceConfig) -> Answer:
    """202 with what became of it; 303 to the owner's page for a person's browser."""
    target = options.text(config.options, "redirect")
    is_page = target.startswith(("https://", "http://")) and target.isprintable()
    if is_page and "text/html" in request.headers.get("accept", ""):
        return Answer(status=303, headers={"location": target})
    body = exact_json.dumps(
        {"id": accepted.id, "duplicate": accepted.duplicate, "trace": accepted.trace}
    )
    headers = {"content-type": "application/json"} | _cors(request, config)
    return Answer(status=202, body=body.encode(), headers=headers)


def refused(request: InboundRequest, config: SourceConfig) -> Answer:
    return Answer(status=401, headers=_cors(request, config))


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    """The post without the shared secret and without the contents of files. Where either is in
    it, it is kept as the JSON of its fields, which reads into the same event."""
    name = options.text(config.options, "secret_field")
    kind, _ = forms.content_type(request.headers.get("content-type", ""))
    if kind != forms.MULTIPART and not name:
        return request
    submissions = _submissions(request)
    if kind != forms.MULTIPART and not any(name in fields for fields in submissions):
        return request
    kept = [{key: fields[key] for key in fields if key != name} for fields in submissions]
    body = exact_json.dumps(kept[0] if len(kept) == 1 else kept).encode()
    return replace(
        request, body=body, headers={**request.headers, "content-type": "application/json"}
    )


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    """The headers that make a body pass, where a signature or an origin is asked for."""
    headers: dict[str, str] = {}
    if options.header(config.options, "signature_header"):
        headers |= proofs.sign(_scheme(config), body, config, now)
    if origins := options.texts(config.options, "origins"):
        headers["origin"] = "https://example.com" if origins[0] == "*" else origins[0]
    return headers


def _event(fields: Mapping[str, object], config: SourceConfig) -> ParsedEvent:
    if fields.keys() == {forms.NAMELESS}:
        return ParsedEvent(type="form.unreadable", body=fields)
    trap = options.text(config.options, "honeypot")
    if trap and fields.get(trap):
        return ParsedEvent(type="form.spam", body=fields)
    hidden = {trap, options.text(config.options, "secret_field"), SUBMISSION}
    shown = {name: value for name, value in fields.items() if name not in hidden}
    region = options.text(config.options, "region", people.REGION)
    facts = people.person(_found(shown, config), region)
    return ParsedEvent(type="form.submitted", data=facts | {"fields": shown}, body=fields)


def _found(fields: Mapping[str, object], config: SourceConfig) -> dict[str, str | None]:
    pairs = list(flattened(fields))
    found: dict[str, str | None] = dict(find_person(pairs))
    if chosen := options.text(config.options, "email_field"):
        found["email"] = dict(pairs).get(chosen)
    return found


def _submissions(request: InboundRequest) -> list[dict[str, object]]:
    try:
        return forms_in(request)
    except Unreadable:
        return []


def _key(fields: Mapping[str, object]) -> str | None:
    given = a_text(fields.get(SUBMISSION))
    return f"submission:{given[:200]}" if given else None


def _scheme(config: SourceConfig) -> HmacScheme:
    return HmacScheme(header=options.header(config.options, "signature_header"))


def _verify_signature(request: InboundRequest, config: SourceConfig) -> None:
    if options.header(config.options, "signature_header"):
        proofs.verify(_scheme(config), request, config)


def _verify_field(request: InboundRequest, config: SourceConfig) -> None:
    name = options.text(config.options, "secret_field")
    if not name:
        return
    submissions = _submissions(request)
    given = [a_text(fields.get(name)) or "" for fields in submissions]
    if not given or not all(same_secret(secret, config.secrets) for secret in given):
        raise BadSignature(f"the field {name} does not hold the source's secret")


def _is_allowed(origin: str, origins: Sequence[str]) -> bool:
    return bool(origin) and ("*" in origins or origin in [each.rstrip("/") for each in origins])


def _cors(request: InboundRequest, config: SourceConfig) -> dict[str, str]:
    """What lets a script on an allowed page read our answer."""
    origin = request.headers.get("origin", "")
    if not origin.isprintable() or not _is_allowed(
        origin, options.texts(config.options, "origins")
    ):
        return {}
    return {"access-control-allow-origin": origin, "vary": "Origin"}


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=("form.submitted", "form.spam", "form.unreadable"),
    dedupe_key=dedupe_key,
    subject=subject,
    handshake=handshake,
    accepted=accepted,
    refused=refused,
    redact=redact,
    sign=sign,
    methods=("OPTIONS",),
    proof="the secret address; a shared field, an HMAC or origins by choice",
    options=OPTIONS,
)
