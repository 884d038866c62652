"""No request makes the CRM's API fail, whatever is in it: made from its own document, and raw."""

import re
from base64 import b64encode
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from openapi_core import OpenAPI
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.crm.api import KEY, SECRET, Api, api_of
from tests.crm.office import OWNER, Office

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
AUTHORIZATION = {"Authorization": f"Basic {b64encode(f'{KEY}:{SECRET}'.encode()).decode()}"}
FEW = settings(
    max_examples=4,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def api(office: Office) -> Api:
    return api_of(office)


def its_ids(api: Api) -> dict[str, str]:
    """Things that are there, by the part of a path before their id."""
    return {
        "lists": api.office.schema.called("Deals").id,
        "listitems": api.office.item("Deals", "Northwind onboarding"),
        "contacts": api.contact("Ann", "ann@acme.test"),
        "accounts": api.account("Acme"),
        "users": OWNER,
    }


def path_parameters(path: str, known: dict[str, str]) -> dict[str, str]:
    return {name: known[part] for part, name in re.findall(r"/(\w+)/\{(\w+)\}", path)}


def test_the_document_holds_every_route_that_is_served(api: Api) -> None:
    document = api.client.get("/v2/openapi.json").get_json()
    OpenAPI.from_dict(document)  # raises for what is no OpenAPI 3.1
    told = {
        (method.upper(), path)
        for path, here in document["paths"].items()
        for method in here
        if method != "parameters"
    }
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule).removeprefix("/v2"))
        for rule in api.client.application.url_map.iter_rules()
        if rule.endpoint.startswith("v2.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    catch_all = {path for _, path in served if path in ("/", "/{path:rest}", "/<path:rest>")}
    served = {one for one in served if one[1] not in (*catch_all, "/openapi.json")}
    assert served == told
    assert len(told) == 28


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_asked_is_answered_as_the_document_says(api: Api, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_wsgi("/v2/openapi.json", api.client.application)
    ids = its_ids(api)
    for result in schema.get_all_operations():
        operation = result.ok()
        # What is there stays there for the others: only what is not is deleted.
        deletes = operation.method.upper() == "DELETE"
        known = {} if deletes else path_parameters(operation.path, ids)

        @seed(1)
        @FEW
        @given(case=operation.as_strategy(mode, path_parameters=known or None))
        def ask(case: Any) -> None:
            response = case.call(headers=AUTHORIZATION)
            case.validate_response(response, checks=CHECKS)

        ask()


RAW: tuple[bytes, ...] = (
    b"", b"\x00", b"\xff\xfe\xfd", b"{", b"[]", b"null", b"7", b'"text"', b"{}", b"NaN",
    b"[" * 3000, b'{"a":' * 3000, b"1e99999999999999999999", b"1" * 5000,
    b'{"name": 1e-99999999999999999999}', b'{"name": "\\u0000"}', b'{"name": "\\ud800"}',
    b'{"\\ud800": 1}', b'{"properties": {"\\u0000": [{"value": "x"}]}}',
    b'{"objects": [null, 1, "x", [], {"id": "\\u0000"}, {"id": []}]}', b'{"objects": null}',
    b'{"fieldValues": 1, "name": "x"}', b'{"fieldValues": {"address": 1}, "name": "x"}',
    b'{"fieldValues": {"primary_contact": 5}, "name": "x"}', b'{"contactIds": [1]}',
    b'{"contactIds": ["\\u0000"]}', b'{"accountId": "\\u0000"}', b'{"linkedItemIds": []}',
    b'{"properties": {"email": [{"value": {}}]}}', b'{"properties": {"email": [1]}}',
    b'{"properties": {"phone": [{"value": "+1 415 555 0134", "metadata": {"a": []}}]}}',
    b'{"subject": "a", "body": "b", "participantIds": [1, 2]}',
    b'{"subject": "a", "body": "b", "participantIds": [{"type": [], "value": "x"}]}',
)  # fmt: skip
QUERIES = (
    "_ids=%00", "_ids=%ff", "_start=99999999999999999999", "_limit=%D9%A3", "%00=1",
    "modifiedDate=999999999999999999", "contactIds=,,%20,", "_ids=" + "a," * 3000,
    "properties.email=%22%22", "properties.phone=%00", "_upsert=%00", "_upsert=email",
)  # fmt: skip


def every_route(api: Api) -> list[tuple[str, str]]:
    known = its_ids(api)
    paths: dict[str, Any] = api.client.get("/v2/openapi.json").get_json()["paths"]
    return [
        (method, "/v2" + path.format(**path_parameters(path, known)))
        for path, here in paths.items()
        for method in here
        if method not in ("parameters", "delete")
    ]


def test_no_bytes_make_an_answer_that_is_ours_to_be_sorry_for(api: Api) -> None:
    for method, path in every_route(api):
        bodies = RAW if method in ("post", "put") else ()
        sent = [(path, body) for body in bodies] + [(f"{path}?{q}", b"{}") for q in QUERIES]
        for address, body in sent:
            response = api.client.open(address, method=method, data=body, headers=AUTHORIZATION)
            assert response.status_code < 500, (method, address[:80], body[:80])
            assert response.status_code in (204, 200) or response.get_json()["errorMessage"]


@FEW
@given(st.binary(max_size=64), st.sampled_from(["/contacts", "/accounts", "/events", "/x"]))
def test_random_bytes_are_refused(api: Api, body: bytes, path: str) -> None:
    response = api.client.put(f"/v2{path}", data=body, headers=AUTHORIZATION)
    assert 400 <= response.status_code < 500
    response = api.client.post(f"/v2{path}", data=body, headers=AUTHORIZATION)
    assert 400 <= response.status_code < 500


def test_a_body_or_an_address_without_end_is_refused(api: Api) -> None:
    body = b'{"name": "' + b"x" * (3 * 1024 * 1024) + b'"}'
    response = api.client.post("/v2/accounts", data=body, headers=AUTHORIZATION)
    assert (response.status_code, response.get_json()["statusCode"]) == (413, 413)
    ids = ",".join("0" * 24 for _ in range(400))
    response = api.client.get(f"/v2/contacts?_ids={ids}", headers=AUTHORIZATION)
    assert (response.status_code, response.get_json()["statusCode"]) == (414, 414)
