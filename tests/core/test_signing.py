"""Signatures: published vectors, two independent libraries, and every changed byte."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import svix
from hypothesis import given
from hypothesis import strategies as st

from relay import standard_webhooks
from relay.core.errors import BadSignature, InvalidInput
from relay.core.signing import HmacScheme, Signed, check_scheme, same_secret

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
VECTORS = json.loads((Path(__file__).parent / "signature_vectors.json").read_text())
SCHEMES = {
    "hmac-sha256-hex, prefix sha256=": HmacScheme(header="x-hub-signature-256", prefix="sha256="),
    "intuit-signature": HmacScheme(header="intuit-signature", encoding="base64"),
    "stripe-signature": HmacScheme(
        header="stripe-signature",
        separator=",",
        prefix="v1=",
        timestamp="part:t=",
        signed="{timestamp}.{body}",
    ),
    "x-xero-signature": HmacScheme(header="x-xero-signature", encoding="base64"),
    "typeform-signature": HmacScheme(
        header="typeform-signature", encoding="base64", prefix="sha256="
    ),
    "x-mailchimp-signature": HmacScheme(
        header="x-mailchimp-signature",
        separator=",",
        prefix="v1=",
        timestamp="part:t=",
        signed="{timestamp}.{body}",
    ),
    "x-webflow-signature": HmacScheme(
        header="x-webflow-signature",
        timestamp="header:x-webflow-timestamp",
        unit="ms",
        signed="{timestamp}:{body}",
    ),
    "squarespace-signature": HmacScheme(header="squarespace-signature", key="hex"),
    "recurly-signature": HmacScheme(
        header="recurly-signature",
        separator=",",
        timestamp="first",
        unit="ms",
        signed="{timestamp}.{body}",
    ),
}


def _headers(vector: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in vector["headers"].items()}


def _now(vector: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(vector.get("now", 1764000000), tz=UTC)


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["scheme"] in SCHEMES], ids=lambda v: v["name"]
)
def test_published_vectors_get_their_verdict(vector: dict[str, Any]) -> None:
    signed = Signed(body=vector["body"].encode(), headers=_headers(vector))
    try:
        SCHEMES[vector["scheme"]].verify(signed, [vector["secret"]], _now(vector))
        valid = True
    except BadSignature:
        valid = False
    assert valid is vector["valid"]


@pytest.mark.parametrize(
    "vector", [v for v in VECTORS if v["scheme"].startswith("standard-w")], ids=lambda v: v["name"]
)
def test_standard_webhooks_vectors_get_their_verdict(vector: dict[str, Any]) -> None:
    secret = vector["secret"]
    key = secret if secret.startswith("wh") else f"whpk_{secret}"
    arguments = (_headers(vector), vector["body"].encode(), [key], _now(vector))
    if vector["valid"]:
        standard_webhooks.verify(*arguments)
    else:
        with pytest.raises(BadSignature):
            standard_webhooks.verify(*arguments)


def test_a_message_signed_with_two_keys_is_believed_by_two_independent_libraries() -> None:
    new, old = standard_webhooks.new_secret(), standard_webhooks.new_secret()
    body = b'{"type":"deal.won"}'
    headers = standard_webhooks.sign("evt_1", body, [new, old], datetime.now(UTC))
    for key in (new, old):
        standardwebhooks.Webhook(key).verify(body.decode(), headers)
        svix.Webhook(key).verify(body, headers)


def test_a_message_the_reference_library_signed_is_believed() -> None:
    secret, body = standard_webhooks.new_secret(), '{"a":1}'
    signature = standardwebhooks.Webhook(secret).sign("msg_7", NOW, body)
    for family in ("webhook", "svix"):
        headers = {
            f"{family}-id": "msg_7",
            f"{family}-timestamp": str(int(NOW.timestamp())),
            f"{family}-signature": f"v9,skipped {signature}",
        }
        standard_webhooks.verify(headers, body.encode(), ["whsec_b3RoZXI=", secret], NOW)


def test_an_ed25519_signature_is_believed_with_the_public_key_alone() -> None:
    private, public = standard_webhooks.new_key_pair()
    headers = standard_webhooks.sign("evt_1", b"{}", [private], NOW)
    assert headers["webhook-signature"].startswith("v1a,")
    assert standard_webhooks.public_key(private) == public
    standard_webhooks.verify(headers, b"{}", [public], NOW)
    with pytest.raises(BadSignature):
        standard_webhooks.verify(headers, b"{ }", [public], NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_message_five_minutes_off_is_refused_in_both_directions(seconds: int) -> None:
    secret = standard_webhooks.new_secret()
    headers = standard_webhooks.sign("evt_1", b"{}", [secret], NOW)
    with pytest.raises(BadSignature, match=r"too old|too far ahead"):
        standard_webhooks.verify(headers, b"{}", [secret], NOW + timedelta(seconds=seconds))


def test_a_message_id_with_a_point_is_never_signed() -> None:
    with pytest.raises(InvalidInput):
        standard_webhooks.sign("evt.1", b"{}", [standard_webhooks.new_secret()], NOW)


@pytest.mark.parametrize("name", sorted(SCHEMES))
@given(
    body=st.binary(min_size=1, max_size=200), place=st.integers(0, 199), flip=st.integers(1, 255)
)
def test_what_a_scheme_signs_it_verifies_and_any_changed_byte_breaks_it(
    name: str, body: bytes, place: int, flip: int
) -> None:
    scheme, secrets = SCHEMES[name], ["00ff", "abcd"]
    headers = scheme.sign(Signed(body=body), secrets, NOW)
    assert scheme.verify(Signed(body=body, headers=headers), ["ffff", *secrets], NOW) == 1
    changed = bytearray(body)
    changed[place % len(body)] ^= flip
    with pytest.raises(BadSignature):
        scheme.verify(Signed(body=bytes(changed), headers=headers), secrets, NOW)


@pytest.mark.parametrize("name", sorted(SCHEMES))
@given(header=st.text(), stamp=st.text())
def test_a_forged_header_is_a_bad_signature_and_nothing_worse(
    name: str, header: str, stamp: str
) -> None:
    scheme = SCHEMES[name]
    headers = {scheme.header: header, "x-webflow-timestamp": stamp}
    with pytest.raises(BadSignature):
        scheme.verify(Signed(body=b"{}", headers=headers), ["00ff"], NOW)


@given(identity=st.text(min_size=1), stamp=st.text(), signature=st.text())
def test_a_forged_standard_webhook_is_a_bad_signature_and_nothing_worse(
    identity: str, stamp: str, signature: str
) -> None:
    headers = {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1a,{signature} v1,{signature}",
    }
    _, public = standard_webhooks.new_key_pair()
    with pytest.raises(BadSignature):
        standard_webhooks.verify(headers, b"{}", [public, standard_webhooks.new_secret()], NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_*"])
def test_an_empty_or_unreadable_secret_makes_nothing_valid(secret: str) -> None:
    headers = standard_webhooks.sign("evt_1", b"{}", [standard_webhooks.new_secret()], NOW)
    with pytest.raises(BadSignature):
        standard_webhooks.verify(headers, b"{}", [secret], NOW)
    assert not same_secret(secret, [""])


@pytest.mark.parametrize(
    ("scheme", "field"),
    [
        (HmacScheme(header="x", algorithm="md5"), "algorithm"),
        (HmacScheme(header="x", signed="{timestamp}"), "signed"),
        (HmacScheme(header="x", signed="{timestamp}.{body}"), "timestamp"),
        (HmacScheme(header="x", key="rot13"), "key"),
        (HmacScheme(header="x", encoding="base32"), "encoding"),
    ],
)
def test_signature_settings_that_prove_nothing_are_refused(scheme: HmacScheme, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_scheme(scheme)
    assert field in caught.value.fields
