"""Form builders: what each proves, and the traps that their posts hold."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.core.errors import BadSignature, Unreadable
from relay.integration import InboundRequest, Source, SourceConfig
from relay.integrations import INTEGRATIONS
from relay.samples import inbound, placed, samples

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECRET = "5f4dcc3b5aa765d61d8327deb882cf99"
VECTORS = {
    one["name"]: one
    for one in json.loads((Path(__file__).parents[1] / "core/signature_vectors.json").read_text())
}


def source(name: str) -> Source:
    found = INTEGRATIONS[name].source
    assert found is not None
    return found


def config(**options: object) -> SourceConfig:
    return SourceConfig(name="forms", secrets=[SECRET], options=options)


def post(body: bytes, kind: str = "application/json", **headers: str) -> InboundRequest:
    return InboundRequest(
        method="POST",
        url="https://relay.example.com/in/forms/token",
        headers={"content-type": kind} | headers,
        body=body,
        received_at=NOW,
    )


def sample(name: str, case: str, settings: SourceConfig) -> InboundRequest:
    one = next(each for each in samples(INTEGRATIONS[name]) if each.name == case)
    ready = placed(INTEGRATIONS[name], one, settings)
    return inbound(ready, one.headers, NOW)


def of_vector(vector: dict[str, Any]) -> tuple[InboundRequest, SourceConfig]:
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    at = datetime.fromtimestamp(vector.get("now", NOW.timestamp()), tz=UTC)
    request = replace(post(vector["body"].encode()), headers=headers, received_at=at)
    return request, SourceConfig(name="vector", secrets=[vector["secret"]])


@pytest.mark.parametrize("name", ["webflow", "squarespace", "netlify", "typeform"])
def test_a_vector_of_the_sender_verifies(name: str) -> None:
    source(name).verify(*of_vector(VECTORS[name]))


@pytest.mark.parametrize("vector", ["netlify-alg-none", "typeform-hex-is-wrong"])
def test_a_vector_that_must_not_verify_does_not(vector: str) -> None:
    with pytest.raises(BadSignature):
        source(vector.split("-")[0]).verify(*of_vector(VECTORS[vector]))


def test_a_token_of_netlify_speaks_for_one_body_only() -> None:
    request, settings = of_vector(VECTORS["netlify"])
    with pytest.raises(BadSignature, match="another body"):
        source("netlify").verify(replace(request, body=request.body + b" "), settings)


@pytest.mark.parametrize("hours", [-1, 1])
def test_webflow_s_signature_is_too_old_or_too_far_ahead(hours: int) -> None:
    signed = source("webflow").sign
    assert signed is not None
    headers = dict(signed(b"{}", config(), NOW.replace(hour=9 + hours)))
    with pytest.raises(BadSignature, match=r"too old|too far ahead"):
        source("webflow").verify(post(b"{}", **headers), config())


@pytest.mark.parametrize(("name", "case"), [("wufoo", "entry"), ("formstack", "named"),
                                            ("formstack", "by_id")])  # fmt: skip
def test_a_shared_key_among_the_fields_is_the_source_s_own(name: str, case: str) -> None:
    request = sample(name, case, config())
    source(name).verify(request, config())
    wrong = replace(request, body=request.body.replace(SECRET.encode(), b"guessed"))
    with pytest.raises(BadSignature):
        source(name).verify(wrong, config())


def test_a_second_key_in_a_form_proves_nothing() -> None:
    """A name that comes twice is a list, and a list is no key."""
    body = f"Field1=a&HandshakeKey=guessed&HandshakeKey={SECRET}".encode()
    with pytest.raises(BadSignature):
        source("wufoo").verify(post(body, "application/x-www-form-urlencoded"), config())


def test_a_header_s_secret_may_stand_after_bearer_or_alone() -> None:
    for given in (SECRET, f"Bearer {SECRET}", f"bearer  {SECRET}"):
        source("gravityforms").verify(post(b"{}", authorization=given), config())
    for given in ("", "Bearer", f"Basic {SECRET}", SECRET[:-1]):
        with pytest.raises(BadSignature):
            source("gravityforms").verify(post(b"{}", authorization=given), config())


def test_an_address_of_an_entry_is_nobody_s_name() -> None:
    body = json.dumps({"5.1": "1 Pier Rd", "5.3": "Oakland", "5.5": "94607", "5.6": "USA"})
    (event,) = source("gravityforms").parse(post(body.encode()), config())
    assert event.data["name"] is None


def test_two_jotform_questions_of_one_name_are_both_kept() -> None:
    raw = json.dumps({"q3_email": "a@example.com", "q7_email": "b@example.com", "slug": "x"})
    (event,) = source("jotform").parse(post(json.dumps({"rawRequest": raw}).encode()), config())
    assert event.data["fields"] == {"email": "a@example.com", "q7_email": "b@example.com"}
    assert event.data["email"] == "a@example.com"


def test_two_wufoo_forms_may_both_have_an_entry_42() -> None:
    form = "application/x-www-form-urlencoded"
    keys = {
        source("wufoo").dedupe_key(post(f"EntryId=42&DateCreated={at}".encode(), form), config())
        for at in ("2026-11-24+09:00:00", "2026-11-24+09:00:07")
    }
    assert len(keys) == 2


@pytest.mark.parametrize("name", ["jotform", "wufoo", "formstack", "webflow", "netlify"])
def test_a_post_of_somebody_else_is_unreadable(name: str) -> None:
    with pytest.raises(Unreadable):
        source(name).parse(post(b'{"hello": "world"}'), config())


def test_a_batch_keeps_its_good_members() -> None:
    body = b'[{"email": "ann@example.com"}, 5, {"email": "bo@example.com"}]'
    events = source("webform").parse(post(body), config())
    assert [event.type for event in events] == [
        "form.submitted",
        "form.unreadable",
        "form.submitted",
    ]
    assert events[2].data["email"] == "bo@example.com"


def test_the_field_of_the_address_can_be_named() -> None:
    body = b'{"FormID": "1", "UniqueID": "2", "10": "ann@example.com", "11": "cc@example.com"}'
    (lost,) = source("formstack").parse(post(body), config())
    (found,) = source("formstack").parse(post(body), config(email_field="10"))
    assert (lost.data["email"], found.data["email"]) == (None, "ann@example.com")


BUILDERS = ("typeform", "jotform", "wufoo", "formstack", "gravityforms", "webflow", "squarespace",
            "netlify", "wordpress")  # fmt: skip


@pytest.mark.parametrize("name", BUILDERS)
def test_a_builder_that_looks_whether_anybody_is_there_is_told_so(name: str) -> None:
    for method in ("GET", "HEAD"):
        answer = source(name).handshake(replace(post(b""), method=method), config())
        assert answer is not None
        assert (answer.status, answer.body) == (200, b"")
    assert source(name).handshake(post(b""), config()) is None


def test_labels_say_what_numbers_do_not() -> None:
    request = sample("wufoo", "entry_with_metadata", config())
    assert source("wufoo").labels(request, config())["Field2"] == "Name: Last"
