"""Web forms and generic webhooks: what browsers, scripts and senders are told."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from relay.core.errors import BadSignature
from relay.integration import Accepted, InboundRequest, SourceConfig
from relay.integrations.fullcontact.source import SOURCE as FULLCONTACT
from relay.integrations.typeform.source import SOURCE as TYPEFORM
from relay.integrations.webform.source import SOURCE as WEBFORM
from relay.integrations.webhook.source import SOURCE as WEBHOOK

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"
TOLD = Accepted(id="evt_7", duplicate=True, trace="https://relay.example.com/events/evt_7")
SITE = "https://www.example.com"


def post(body: bytes, kind: str = FORM, method: str = "POST", **headers: str) -> InboundRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundRequest(
        method=method,
        url="https://relay.example.com/in/webform/token",
        headers={"content-type": kind} | named,
        body=body,
        received_at=NOW,
    )


def config(*secrets: str, **options: object) -> SourceConfig:
    return SourceConfig(name="website", secrets=secrets, options=options)


def test_the_same_form_twice_is_two_events_unless_it_has_a_submission_id() -> None:
    assert WEBFORM.dedupe_key(post(b"email=a%40b.com"), config()) is None
    with_id = post(b"email=a%40b.com&submission_id=s-1")
    assert WEBFORM.dedupe_key(with_id, config()) == "submission:s-1"
    assert "submission_id" not in WEBFORM.parse(with_id, config())[0].data["fields"]


def test_a_form_is_answered_with_its_event_and_where_its_story_is() -> None:
    answer = WEBFORM.accepted(post(b"a=1"), TOLD, config())
    assert answer.status == 202
    assert json.loads(answer.body) == {
        "id": "evt_7",
        "duplicate": True,
        "trace": "https://relay.example.com/events/evt_7",
    }


def test_a_person_s_browser_is_sent_on_and_a_script_is_not() -> None:
    thanks = config(redirect="https://www.example.com/thanks")
    answer = WEBFORM.accepted(post(b"a=1", accept="text/html,*/*"), TOLD, thanks)
    assert (answer.status, answer.headers["location"]) == (303, "https://www.example.com/thanks")
    assert WEBFORM.accepted(post(b"a=1", accept="*/*"), TOLD, thanks).status == 202
    for bad in ("javascript:alert(1)", "https://x.example\r\nset-cookie: a=1", "/thanks"):
        answer = WEBFORM.accepted(post(b"a=1", accept="text/html"), TOLD, config(redirect=bad))
        assert answer.status == 202


def test_only_pages_of_allowed_sites_may_post_and_read_the_answer() -> None:
    limited = config(origins=f"{SITE}/, https://shop.example.com")
    WEBFORM.verify(post(b"a=1", origin=SITE), limited)
    answer = WEBFORM.accepted(post(b"a=1", origin=SITE), TOLD, limited)
    assert answer.headers["access-control-allow-origin"] == SITE
    for request in (post(b"a=1"), post(b"a=1", origin="https://evil.example")):
        with pytest.raises(BadSignature):
            WEBFORM.verify(request, limited)
        assert "access-control-allow-origin" not in WEBFORM.refused(request, limited).headers


def test_a_browser_asking_before_a_script_posts_is_told_yes_for_allowed_sites_only() -> None:
    asked = {"access_control_request_method": "POST",
             "access_control_request_headers": "content-type"}  # fmt: skip
    request = post(b"", method="OPTIONS", origin=SITE, **asked)
    allowed = WEBFORM.handshake(request, config(origins=[SITE]))
    assert allowed is not None
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (204, SITE)
    assert allowed.headers["access-control-allow-headers"] == "content-type"
    for settings in (config(), config(origins=["https://other.example"])):
        refused = WEBFORM.handshake(request, settings)
        assert refused is not None
        assert (refused.status, dict(refused.headers)) == (403, {})
    assert WEBFORM.handshake(post(b"a=1"), config(origins=[SITE])) is None


def test_a_shared_field_proves_the_sender_and_is_not_stored() -> None:
    settings = config("new", "old", secret_field="key")
    for given in (b"new", b"old"):
        WEBFORM.verify(post(b"email=a%40b.com&key=" + given), settings)
    for body in (b"key=", b"key=other", b"a=1", b"key=new&key=other", b"\xff\xfe"):
        with pytest.raises(BadSignature):
            WEBFORM.verify(post(body), settings)
    request = post(b"email=a%40b.com&key=new")
    assert b"new" not in WEBFORM.redact(request, settings).body
    assert "key" not in WEBFORM.parse(request, settings)[0].data["fields"]


def test_the_contents_of_a_file_are_not_stored() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na@b.com\r\n'
        b'--x\r\nContent-Disposition: form-data; name="cv"; filename="cv.pdf"\r\n\r\n'
        b"private words\r\n--x--\r\n"
    )
    request = post(body, "multipart/form-data; boundary=x")
    stored = WEBFORM.redact(request, config())
    assert b"private words" not in stored.body
    assert WEBFORM.parse(stored, config()) == WEBFORM.parse(request, config())
    fields = WEBFORM.parse(stored, config())[0].data["fields"]
    assert (fields["cv"]["file"], fields["cv"]["size"]) == ("cv.pdf", len("private words"))


def test_the_field_an_owner_chose_is_the_address() -> None:
    events = WEBFORM.parse(
        post(b"email=sales%40us.example.com&kontakt=ann%40example.com"),
        config(email_field="kontakt"),
    )
    assert events[0].data["email"] == "ann@example.com"
    assert WEBFORM.subject(post(b"email=Ann%40Example.com"), config()) == "ann@example.com"


def test_typeform_repeats_are_told_by_event_id() -> None:
    request = post(b'{"event_id": "01H", "event_type": "form_response"}', "application/json")
    assert TYPEFORM.dedupe_key(request, config("s")) == "01H"


def test_a_card_s_stored_body_does_not_hold_our_address() -> None:
    body = b'{"id":"c1","contact":{},"webhookUrl":"https:\\/\\/relay.example.com\\/in\\/\\"tok"}'
    request = post(body, "application/json")
    assert b"relay.example.com" not in FULLCONTACT.redact(request, config()).body
    assert "webhookUrl" not in FULLCONTACT.parse(request, config())[0].body
    assert FULLCONTACT.dedupe_key(request, config()) == "card:c1"


def test_an_unconfirmed_card_is_taken_only_by_choice() -> None:
    body = {
        "id": "c1",
        "contact": {"name": {"givenName": "Ann"}, "emails": []},
        "unverifiedContact": {"emails": [{"value": "ann@example.com"}]},
    }
    request = post(json.dumps(body).encode(), "application/json")
    assert FULLCONTACT.parse(request, config())[0].data["email"] is None
    chosen = FULLCONTACT.parse(request, config(unverified="yes"))[0].data
    assert (chosen["email"], chosen["first_name"]) == ("ann@example.com", "Ann")


@pytest.mark.parametrize(
    ("headers", "scheme", "passes"),
    [
        ({"authorization": "Basic " + base64.b64encode(b"ann:secret").decode()}, "basic", True),
        ({"authorization": "basic " + base64.b64encode(b"ann:secret").decode()}, "basic", True),
        ({"authorization": "Basic " + base64.b64encode(b"ann:other").decode()}, "basic", False),
        ({"authorization": "Basic ***"}, "basic", False),
        ({}, "basic", False),
        ({"authorization": "Bearer ann:secret"}, "bearer", True),
        ({"authorization": "Bearer "}, "bearer", False),
        ({"authorization": "Basic ann:secret"}, "bearer", False),
        ({"x-api-key": "ann:secret"}, "header", True),
        ({"x-api-key": ""}, "header", False),
        ({}, "token", True),
        ({}, "tokne", False),
        ({}, "", False),
    ],
)
def test_a_webhook_proves_itself_as_its_source_asks(
    headers: dict[str, str], scheme: str, passes: bool
) -> None:
    request = replace(post(b"{}", "application/json"), headers=headers)
    settings = config("newer", "ann:secret", scheme=scheme)
    if passes:
        WEBHOOK.verify(request, settings)
        assert "authorization" not in WEBHOOK.redact(request, settings).headers
        assert "x-api-key" not in WEBHOOK.redact(request, settings).headers
    else:
        with pytest.raises(BadSignature):
            WEBHOOK.verify(request, settings)
        with pytest.raises(BadSignature):
            WEBHOOK.verify(request, config(scheme=scheme))


def test_basic_auth_is_asked_for_where_it_is_missing() -> None:
    answer = WEBHOOK.refused(post(b"{}"), config(scheme="basic"))
    assert (answer.status, answer.headers["www-authenticate"].split()[0]) == (401, "Basic")


@pytest.mark.parametrize("setting", [{"signed": "x"}, {"algorithm": "md5"}, {"tolerance": "-1"}])
def test_signature_settings_that_cannot_work_let_nobody_in(setting: dict[str, str]) -> None:
    with pytest.raises(BadSignature, match="cannot work"):
        WEBHOOK.verify(post(b"{}", x_signature="00"), config("s", scheme="hmac", **setting))


def test_a_webhook_s_key_is_the_first_there_is() -> None:
    request = post(b'{"id": 9}', "application/json", webhook_id="m1", x_order="o1")
    chosen = config(dedupe_header="X-Order", dedupe_path="id")
    assert WEBHOOK.dedupe_key(request, chosen) == "o1"
    assert WEBHOOK.dedupe_key(request, config(dedupe_path="id")) == "9"
    assert WEBHOOK.dedupe_key(request, config()) == "m1"
    plain = post(b'{"id": 9}', "application/json")
    assert str(WEBHOOK.dedupe_key(plain, config())).startswith("sha256:")
    assert WEBHOOK.dedupe_key(plain, config(dedupe_content="no")) is None


def test_two_cloud_events_with_one_id_from_two_sources_are_two() -> None:
    keys = {
        WEBHOOK.dedupe_key(post(b"{}", ce_id="1", ce_source=source), config())
        for source in ("/shop", "/stock")
    }
    assert keys == {"/shop#1", "/stock#1"}


def test_a_body_cannot_call_itself_one_of_our_facts() -> None:
    request = post(b'{"type": "invoice.paid", "total": 1}', "application/json")
    assert WEBHOOK.parse(request, config())[0].type == "webhook.invoice.paid"
    owned = WEBHOOK.parse(request, config(event_type="invoice.paid"))[0]
    assert (owned.type, owned.data) == ("invoice.paid", {"total": 1})


def test_a_cloud_events_sender_gets_consent_only_for_allowed_origins() -> None:
    request = post(b"", method="OPTIONS", webhook_request_origin="shop.example.com",
                   webhook_request_rate="120")  # fmt: skip
    granted = WEBHOOK.handshake(request, config(origins="shop.example.com"))
    assert granted is not None
    assert granted.headers["webhook-allowed-origin"] == "shop.example.com"
    assert granted.headers["webhook-allowed-rate"] == "120"
    refused = WEBHOOK.handshake(request, config())
    assert refused is not None
    assert "webhook-allowed-origin" not in refused.headers
    assert WEBHOOK.handshake(post(b"{}"), config()) is None


CHALLENGES = {
    "slack": (post(b'{"type":"url_verification","challenge":"3eZbrw1a"}', "application/json"),
              b"3eZbrw1a"),
    "meta": (replace(post(b"", method="GET"), query={
        "hub.mode": "subscribe", "hub.verify_token": "s", "hub.challenge": "1158201444"}),
        b"1158201444"),
    "graph": (replace(post(b""), query={"validationToken": "Validation: opaque"}),
              b"Validation: opaque"),
    "crc": (replace(post(b"", method="GET"), query={"crc_token": "q"}),
            b'{"response_token":"sha256='
            + base64.b64encode(hmac.new(b"s", b"q", "sha256").digest()) + b'"}'),
    "zoom": (post(b'{"event":"endpoint.url_validation","payload":{"plainToken":"q"}}',
                  "application/json"),
             b'{"plainToken":"q","encryptedToken":"'
             + hmac.new(b"s", b"q", "sha256").hexdigest().encode() + b'"}'),
}  # fmt: skip


@pytest.mark.parametrize("name", CHALLENGES)
def test_a_challenge_is_answered_only_where_the_source_says_how(name: str) -> None:
    request, expected = CHALLENGES[name]
    told = WEBHOOK.handshake(request, config("s", challenge=name))
    assert told is not None
    assert (told.status, told.body.replace(b" ", b"")) == (200, expected.replace(b" ", b""))
    assert WEBHOOK.handshake(request, config("s")) is None
    for other in CHALLENGES.keys() - {name}:
        assert WEBHOOK.handshake(request, config("s", challenge=other)) is None


def test_a_challenge_signs_no_body_for_a_stranger() -> None:
    """What it signs must not pass as a delivery under the same secret."""
    forged = '{"amount":1}'
    asked = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": forged}})
    zoom = post(asked.encode(), "application/json")
    crc = replace(post(b"", method="GET"), query={"crc_token": "v0:1764000000:email=a"})
    for request, name in ((zoom, "zoom"), (crc, "crc")):
        told = WEBHOOK.handshake(request, config("s", challenge=name))
        assert told is not None
        assert (told.status, told.body) == (403, b"")


def test_a_rest_hook_s_secret_goes_back_in_its_header() -> None:
    request = post(b"{}", "application/json", x_hook_secret="b537207f20cbfa02357cf448134da559e8b")
    told = WEBHOOK.handshake(request, config("s", challenge="resthooks"))
    assert told is not None
    assert told.headers["x-hook-secret"] == "b537207f20cbfa02357cf448134da559e8b"
    assert WEBHOOK.handshake(request, config("s")) is None


def test_an_address_is_no_mirror() -> None:
    long = replace(post(b""), query={"validationToken": "x" * 500})
    wrong = replace(CHALLENGES["meta"][0], query={
        "hub.mode": "subscribe", "hub.verify_token": "other", "hub.challenge": "1"})  # fmt: skip
    for request, name in ((long, "graph"), (wrong, "meta")):
        told = WEBHOOK.handshake(request, config("s", challenge=name))
        assert told is not None
        assert (told.status, told.body) == (403, b"")
