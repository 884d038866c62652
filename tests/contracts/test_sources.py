"""One suite for every registered source: its samples become the events written beside them, its
signatures hold, and nothing a stranger sends breaks it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay.core import exact_json
from relay.core.errors import BadSignature, Unreadable
from relay.core.event import FACTS, ParsedEvent, facts_of
from relay.core.ids import public
from relay.integration import Accepted, InboundRequest, Integration, Source, SourceConfig
from relay.integrations import INTEGRATIONS
from relay.samples import (
    ADDRESS,
    Sample,
    chosen,
    fresh,
    inbound,
    placed,
    sample_request,
    samples,
    signed,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
# Each is text, hex and base64 at once, for that is how one sender or another writes its key.
SECRETS = ("5f4dcc3b5aa765d61d8327deb882cf99", "0123456789abcdef0123456789abcdef")
OTHER = "00000000000000000000000000000000"
PAGE = Path(__file__).parents[2] / "docs/sources.md"
WITH_SOURCE = [each for each in INTEGRATIONS.values() if each.source is not None]
# Its webhooks of before 2026 have no signature: a source without a secret takes those.
ADDRESS_ALONE = {"mailchimp"}
CASES = [(integration, sample) for integration in WITH_SOURCE for sample in samples(integration)]


def _id(value: Integration | Sample) -> str:
    return value.name


def _source(integration: Integration) -> Source:
    assert integration.source is not None
    return integration.source


def _config(sample: Sample) -> SourceConfig:
    return SourceConfig(name="sample", secrets=SECRETS, options=sample.options, url=ADDRESS)


def _request(integration: Integration, sample: Sample) -> InboundRequest:
    config = _config(sample)
    ready = placed(integration, sample, config)
    return inbound(ready, signed(integration, ready, config, NOW), NOW)


def _written(event: ParsedEvent, names: set[str]) -> dict[str, object]:
    """The event as `<case>.events.json` says it: only what that file speaks of."""
    facts = facts_of(event)
    whole = {
        "type": event.type,
        "data": {name: value for name, value in facts.items() if value is not None},
        "body": event.body,
        "key": event.key,
        "complete": event.complete,
        "occurred_at": event.occurred_at,
    }
    return exact_json.loads(exact_json.dumps({name: whole[name] for name in names}))


@pytest.mark.parametrize(("integration", "sample"), CASES, ids=_id)
def test_a_sample_becomes_the_events_written_beside_it(
    integration: Integration, sample: Sample
) -> None:
    expected = exact_json.loads(sample.path.with_name(f"{sample.name}.events.json").read_bytes())
    events = _source(integration).parse(_request(integration, sample), _config(sample))
    assert [each["type"] for each in expected] == [event.type for event in events]
    for event, wanted in zip(events, expected, strict=True):
        assert _written(event, set(wanted)) == wanted


@pytest.mark.parametrize(("integration", "sample"), CASES, ids=_id)
def test_a_sample_binds_only_facts_its_type_has(integration: Integration, sample: Sample) -> None:
    for event in _source(integration).parse(_request(integration, sample), _config(sample)):
        if event.type in FACTS:
            assert set(event.data) <= set(FACTS[event.type])
        assert not event.complete or event.body is not None


@pytest.mark.parametrize(("integration", "sample"), CASES, ids=_id)
def test_a_signed_sample_is_believed_with_either_secret_and_not_with_another(
    integration: Integration, sample: Sample
) -> None:
    source, config = _source(integration), _config(sample)
    request = _request(integration, sample)
    source.verify(request, config)
    source.verify(request, replace(config, secrets=tuple(reversed(SECRETS))))
    source.verify(replace(request, headers=dict(reversed(request.headers.items()))), config)
    if not _proves(integration, sample):
        return
    with pytest.raises(BadSignature):
        source.verify(request, replace(config, secrets=[OTHER]))
    if integration.name not in ADDRESS_ALONE:
        with pytest.raises(BadSignature):
            source.verify(request, replace(config, secrets=[]))


def _proves(integration: Integration, sample: Sample) -> bool:
    """Whether this case's proof is a secret at all, and not the address alone."""
    other = replace(_config(sample), secrets=[OTHER])
    theirs = placed(integration, sample, other)
    ours = _request(integration, sample)
    return (ours.headers, ours.body) != (signed(integration, theirs, other, NOW), theirs.body)


def _signs_the_body(integration: Integration, sample: Sample) -> bool:
    first = _request(integration, sample).headers
    other = signed(integration, replace(sample, body=b"{}"), _config(sample), NOW)
    return first != other and first != dict(sample.headers)


@pytest.mark.parametrize(
    ("integration", "sample"),
    [case for case in CASES if _signs_the_body(*case)],
    ids=_id,
)
@given(place=st.integers(0, 1_000_000), flip=st.integers(1, 255))
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_changed_byte_of_a_signed_sample_breaks_it(
    integration: Integration, sample: Sample, place: int, flip: int
) -> None:
    request = _request(integration, sample)
    changed = bytearray(request.body)
    changed[place % len(changed)] ^= flip
    with pytest.raises(BadSignature):
        _source(integration).verify(replace(request, body=bytes(changed)), _config(sample))


@pytest.mark.parametrize(("integration", "sample"), CASES, ids=_id)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_the_order_of_headers_says_nothing(
    integration: Integration, sample: Sample, data: st.DataObject
) -> None:
    request, config = _request(integration, sample), _config(sample)
    shuffled = dict(data.draw(st.permutations(list(request.headers.items()))))
    other = replace(request, headers=shuffled)
    _source(integration).verify(other, config)
    assert _source(integration).dedupe_key(other, config) == _source(integration).dedupe_key(
        request, config
    )


@pytest.mark.parametrize(("integration", "sample"), CASES, ids=_id)
@given(cut=st.integers(0, 1_000_000))
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_truncated_sample_is_unreadable_or_less_and_nothing_else(
    integration: Integration, sample: Sample, cut: int
) -> None:
    request = _request(integration, sample)
    short = replace(request, body=request.body[: cut % len(request.body)])
    _survive(_source(integration), short, _config(sample))


@pytest.mark.parametrize(("integration", "sample"), CASES, ids=_id)
def test_the_same_delivery_has_the_same_key_and_a_stored_one_reads_the_same(
    integration: Integration, sample: Sample
) -> None:
    source, config = _source(integration), _config(sample)
    request = _request(integration, sample)
    later = replace(request, received_at=NOW.replace(hour=10))
    assert source.dedupe_key(request, config) == source.dedupe_key(later, config)
    key = source.dedupe_key(request, config)
    assert key is None or 0 < len(key) <= 300
    stored = source.redact(request, config)
    assert [event.data for event in source.parse(stored, config)] == [
        event.data for event in source.parse(request, config)
    ]


@pytest.mark.parametrize(("integration", "sample"), CASES, ids=_id)
def test_no_secret_that_came_is_kept(integration: Integration, sample: Sample) -> None:
    source, config = _source(integration), _config(sample)
    request = _request(integration, sample)
    kept = source.redact(request, config)
    # The inbound route keeps no credentials of these two.
    headers = {k: v for k, v in kept.headers.items() if k not in ("authorization", "cookie")}
    told = [event.body for event in source.parse(request, config)]
    for secret in SECRETS:
        assert secret.encode() not in kept.body
        assert secret not in str(headers)
        assert secret not in exact_json.dumps(told)


@pytest.mark.parametrize("integration", WITH_SOURCE, ids=_id)
def test_a_sample_that_is_sent_again_is_another_delivery_that_tells_the_same(
    integration: Integration,
) -> None:
    source, usual = _source(integration), chosen(integration)
    config, later = _config(usual), NOW.replace(second=1)
    requests = [_request(integration, each) for each in (usual, fresh(integration, usual, later))]
    told = [source.parse(request, config) for request in requests]
    keys = [source.dedupe_key(request, config) for request in requests]
    assert keys == [None, None] or len({*keys}) == 2 or "webhook-id" in requests[0].headers
    for one, other in zip(*told, strict=True):
        assert (one.type, one.data) == (other.type, other.data)
        assert one.key is None or one.key != other.key


@pytest.mark.parametrize("integration", WITH_SOURCE, ids=_id)
def test_a_sample_can_be_sent_to_a_source_of_every_type(integration: Integration) -> None:
    case = samples(integration)[0]
    headers, body = sample_request(integration, _config(case), NOW, case.name)
    request = replace(_request(integration, case), headers=headers, body=body)
    _source(integration).verify(request, _config(case))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "event_type",
                    "form_response",
                    "answers",
                    "field",
                    "type",
                    "email",
                    "contact",
                    "name",
                    "emails",
                    "value",
                    "result",
                    "details",
                    "fullName",
                    "status",
                    "id",
                    "object",
                    "eventNotifications",
                    "dataChangeEvent",
                    "entities",
                    "event_time",
                    "specversion",
                ]
            )
            | st.text(max_size=10),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
KINDS = st.sampled_from(
    ["", "application/json", "application/x-www-form-urlencoded", "multipart/form-data",
     "multipart/form-data; boundary=x", "text/plain", "text/xml", "application/xml",
     "application/cloudevents+json", "multipart/form-data; boundary=\x00é", "x" * 500]
)  # fmt: skip


@pytest.mark.parametrize("integration", WITH_SOURCE, ids=_id)
@given(body=st.binary(max_size=300) | JSON.map(lambda v: _json(v)), kind=KINDS, extra=st.text())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_hostile_bodies_are_unreadable_or_unproven_and_nothing_else(
    integration: Integration, body: bytes, kind: str, extra: str
) -> None:
    source = _source(integration)
    headers = {"content-type": kind, "origin": extra, "authorization": extra, "ce-time": extra}
    request = InboundRequest(
        method="POST", url="https://relay.example.com/in/x/t", headers=headers, body=body,
        received_at=NOW, query={"email": extra},
    )  # fmt: skip
    config = SourceConfig(name="fuzzed", secrets=SECRETS)
    _survive(source, request, config)
    for each in ("hmac", "basic", "bearer", "header"):
        _survive(source, request, replace(config, options={"scheme": each}))


def _survive(source: Source, request: InboundRequest, config: SourceConfig) -> None:
    try:
        source.verify(request, config)
    except BadSignature:
        source.refused(request, config)
    try:
        for event in source.parse(request, config):
            text = exact_json.dumps([event.type, facts_of(event), event.body, event.key])
            assert "\x00" not in text
            text.encode()
    except Unreadable as problem:
        assert str(problem)
    source.dedupe_key(request, config)
    source.subject(request, config)
    source.handshake(request, config)
    source.redact(request, config)
    told = Accepted(id=public("evt", 1), duplicate=False, trace="/events/evt_1")
    source.accepted(request, told, config)


def _json(value: object) -> bytes:
    return exact_json.dumps(value).encode("utf-8", "replace")


@pytest.mark.parametrize("integration", WITH_SOURCE, ids=_id)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 100_000,
        b'{"a":' * 5_000,
        b'{"a":"\\ud800\\u0000"}',
        b'{"a":1e999999999}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b"\xff\xfe{}",
        b"&".join(b"a%d=1" % each for each in range(20_000)),
        b"{" + b",".join(b'"a%d":"1"' % each for each in range(10_000)) + b"}",
        b'{"email":"ann@example.com","email":"bo@example.com","data":{},"data":[]}',
        '{"name":"Zoë"}'.encode("utf-16"),
        '{"name":"Zoë"}'.encode("latin-1"),
        b'[{"email":"ann@example.com"}, 5, null, "x", []]',
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    ],
    ids=[
        "empty",
        "deep",
        "deeper",
        "surrogate",
        "huge",
        "digits",
        "mark",
        "fields",
        "keys",
        "twice",
        "utf16",
        "latin1",
        "batch",
        "entity",
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", ""])
def test_bodies_made_to_break_parsers_do_not(
    integration: Integration, body: bytes, kind: str
) -> None:
    request = InboundRequest(
        method="POST", url="https://relay.example.com/in/x/t", headers={"content-type": kind},
        body=body, received_at=NOW,
    )  # fmt: skip
    _survive(_source(integration), request, SourceConfig(name="hostile", secrets=SECRETS))


@pytest.mark.parametrize("integration", WITH_SOURCE, ids=_id)
def test_every_source_has_a_page_samples_and_their_origin(integration: Integration) -> None:
    assert (integration.folder / "README.md").read_text().startswith("# ")
    for line in ("relay source create", "relay send-sample"):
        assert f"{line} {integration.name}" in integration.setup(), "how is it set up and tried?"
    origins = (integration.folder / "samples" / "SOURCES.md").read_text()
    assert samples(integration)
    for sample in samples(integration):
        assert sample.path.name in origins, f"{sample.path.name} does not say where it is from"


def test_the_page_of_sources_lists_every_one_of_them() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| [`")]
    listed = {line.split("`")[1]: line for line in rows}
    assert listed.keys() == {integration.name for integration in WITH_SOURCE}
    for integration in WITH_SOURCE:
        assert f"(../relay/integrations/{integration.name}/README.md)" in listed[integration.name]


def test_the_registry_calls_each_integration_by_its_name() -> None:
    assert all(name == integration.name for name, integration in INTEGRATIONS.items())
