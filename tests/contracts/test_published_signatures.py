"""Every signature that a provider or a standard has published gets its published verdict from the
source that speaks for it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.core.errors import BadSignature
from relay.integration import InboundRequest, SourceConfig
from relay.integrations import INTEGRATIONS

VECTORS = json.loads((Path(__file__).parents[1] / "core" / "signature_vectors.json").read_text())
GITHUB = {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="}
# Scheme → the source that takes it, and the options it needs.
TAKEN_BY: dict[str, tuple[str, dict[str, object]]] = {
    "hmac-sha256-hex, prefix sha256=": ("webhook", GITHUB),
    "standard-webhooks v1": ("webhook", {}),
    "standard-webhooks v1a (ed25519)": ("webhook", {}),
    "intuit-signature": ("quickbooks", {}),
    "hubspot v1": ("hubspot", {"older": "v1"}),
    "hubspot v2": ("hubspot", {"older": "v2"}),
    "hubspot v3": ("hubspot", {}),
    "stripe-signature": ("stripe", {}),
    "x-xero-signature": ("xero", {}),
    "x-freshbooks-hmac-sha256": ("freshbooks", {}),
    "typeform-signature": ("typeform", {}),
    "x-mailchimp-signature": ("mailchimp", {}),
    "recurly-signature": ("recurly", {}),
}


# HubSpot/hubspot-api-python, tests/spec/utils/test_signature.py (Apache-2.0): the values of its
# other two versions.
HUBSPOT = {
    "secret": "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    "body": "{'example_field':'example_value'}",
    "url": "https://www.example.com/webhook_uri",
    "valid": True,
}
HUBSPOT_V1 = {
    "name": "hubspot-v1",
    "scheme": "hubspot v1",
    "headers": {
        "X-HubSpot-Signature": "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"
    },
}
HUBSPOT_V3 = {
    "name": "hubspot-v3",
    "scheme": "hubspot v3",
    "now": 15000000,
    "headers": {
        "X-HubSpot-Request-Timestamp": "15000000",
        "X-HubSpot-Signature-v3": "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=",
    },
}
KNOWN = [vector for vector in VECTORS if vector["scheme"] in TAKEN_BY]
KNOWN += [HUBSPOT | HUBSPOT_V1, HUBSPOT | HUBSPOT_V3]


@pytest.mark.parametrize("vector", KNOWN, ids=lambda vector: vector["name"])
def test_a_published_signature_gets_its_verdict(vector: dict[str, Any]) -> None:
    name, options = TAKEN_BY[vector["scheme"]]
    source = INTEGRATIONS[name].source
    assert source is not None
    request = InboundRequest(
        method=vector.get("method", "POST"),
        url=vector.get("url", "https://relay.example.com/in/x/token"),
        headers={key.lower(): value for key, value in vector["headers"].items()},
        body=vector["body"].encode(),
        received_at=datetime.fromtimestamp(vector.get("now", 1764000000), UTC),
    )
    # While a secret is changed there are two, and the vector's may be the older one.
    for secrets in ([vector["secret"]], ["whsec_bmV3ZXI=", vector["secret"]]):
        config = SourceConfig(name=name, secrets=secrets, options=options)
        if vector["valid"]:
            source.verify(request, config)
        else:
            with pytest.raises(BadSignature):
                source.verify(request, config)


def test_a_copied_hubspot_request_without_a_time_is_refused_unless_the_source_allows_it() -> None:
    (vector,) = [each for each in VECTORS if each["scheme"] == "hubspot v2"]
    source = INTEGRATIONS["hubspot"].source
    assert source is not None
    request = InboundRequest(
        method="POST", url=vector["url"], body=vector["body"].encode(),
        headers={key.lower(): value for key, value in vector["headers"].items()},
        received_at=datetime(2026, 11, 24, tzinfo=UTC),
    )  # fmt: skip
    with pytest.raises(BadSignature, match="takes no older signature"):
        source.verify(request, SourceConfig(name="hubspot", secrets=[vector["secret"]]))
