"""What holds for each route there is, and for those that will come."""

import json
from typing import Any

import pytest
from flask import Flask, request
from openapi_core import OpenAPI
from openapi_core.contrib.flask import FlaskOpenAPIRequest, FlaskOpenAPIResponse
from werkzeug.routing import Rule

from relay.core.access import SCOPES
from tests.api.desk import PREFIX, Desk, paths

# A body for every route that takes one, so that a refusal is never for its form.
BODIES: dict[str, Any] = {
    "PATCH /orgs/<id>": {"time_zone": "Europe/Berlin"},
    "POST /users": {"email": "new@example.com", "name": "New"},
    "PATCH /users/<id>": {"role": "viewer"},
    "POST /keys": {"name": "form"},
    "POST /sources": {"type": "webform", "name": "second site"},
    "PATCH /sources/<ref>": {"mapping": None},
    "POST /sources/<ref>/rotate": {},
    "POST /connections": {"provider": "recurly", "name": "second"},
    "PATCH /connections/<ref>": {"settings": {"net_terms": "14"}},
    "POST /connections/<ref>/reconnect": {},
    "POST /connections/<ref>/faults": {"name": "slow", "seconds": 1},
    "POST /sources/<ref>/preview": {},
    "POST /targets": {"name": "chat", "url": "https://chat.example.com/hook"},
    "POST /rules": {"texts": {}},
    "POST /rules/lint": {"texts": {}},
    "POST /rules/dry-run": {},
    "POST /rules/<id>/backfill": {"list": "Deals"},
    "POST /rules/rollback": {"set_hash": "00"},
    "POST /lists": {"title": "Renewals"},
    "PATCH /lists/<id>": {"title": "Business"},
    "POST /lists/<id>/fields": {"label": "Region", "type": "Text"},
    "PATCH /lists/<id>/fields/<field>": {"label": "Region"},
    "POST /lists/<id>/fields/<field>/options": {"label": "New"},
    "PATCH /lists/<id>/fields/<field>/options/<option>": {"label": "New"},
    "POST /runs/<id>/replay": {},
    "POST /runs/replay": {"state": "failed"},
    "POST /runs/cancel": {"state": "held"},
    "POST /failures/replay": {"cause": "NONE"},
    "POST /failures/dismiss": {"cause": "NONE", "reason": "x"},
    "POST /events/<id>/replay": {},
    "POST /lists/<id>/items": {"name": "New deal"},
    "PATCH /lists/<id>/items/<item>": {"name": "Renamed"},
    "POST /lists/<id>/items/by-email": {"email": "ann@example.com"},
    "POST /hooks": {"target_url": "https://app.example.com/in", "event": "list_item.updated"},
    "PATCH /hooks/<ref>": {"timeout": 5},
    "POST /hooks/<ref>/rotate": {},
    "POST /hooks/<ref>/portal": {},
    "POST /hooks/<ref>/recover": {},
    "POST /hooks/<ref>/missing": {"since": "2026-01-01T00:00:00Z"},
    "POST /deliveries/<id>/replay": {},
    "POST /deliveries/replay": {},
    "POST /stream": {"email": "ann@example.com", "subject": "Hello", "body": "World"},
    "POST /contacts": {"email": "new@example.com"},
    "POST /import/contacts": {"email": "new@example.com"},
    "POST /import/accounts": {"name": "New"},
    "POST /import/lists/<id>/items": {"name": "New"},
    "POST /contacts/<id>/merge": {"contact": "0" * 24},
}


# Asked for with a query, or they would be refused for its lack.
QUERIES = {"/hooks/samples": "?event=list_item.updated"}
# Answered the same whether the thing was there or not, so that it can be asked twice.
IDEMPOTENT = {("DELETE", "/hooks/<ref>")}


def request_of(method: str, rule: Rule) -> dict[str, Any]:
    name = f"{method} {rule.rule.removeprefix(PREFIX)}"
    return {"json": BODIES[name]} if name in BODIES else {}


@pytest.fixture
def known(desk: Desk) -> dict[str, str]:
    """The first organization's own ids, by noun and name in the path."""
    hook = {"target_url": "http://127.0.0.1:9/in", "event": "list_item.updated"}
    made = desk.ask("POST", "/hooks", json=hook).get_json()
    desk.everything()
    told = desk.get(f"/deliveries?hook={made['id']}")["data"][0]
    order = desk.ask("POST", f"/hooks/{made['id']}/recover", json={}).get_json()
    deals = next(one for one in desk.get("/lists")["data"] if one["title"] == "Deals")
    item = desk.get(f"/lists/{deals['id']}/items")["data"][0]
    mapping = next(r for r in desk.get("/rules")["data"] if r["id"].startswith("mapping-"))
    return {
        "orgs.id": desk.get("/orgs")["data"][0]["id"],
        "users.id": desk.get("/users")["data"][0]["id"],
        "keys.key": desk.key[0],
        "sources.ref": desk.get("/sources")["data"][0]["id"],
        "connections.ref": desk.get("/connections")["data"][0]["id"],
        "connections.document": "145",
        "targets.ref": desk.get("/targets")["data"][0]["id"],
        "rules.id": mapping["id"],
        "events.id": desk.get("/events")["data"][-1]["id"],
        "runs.id": desk.get("/runs")["data"][0]["id"],
        "deliveries.id": desk.get("/deliveries")["data"][0]["id"],
        "hooks.ref": made["id"],
        "hooks.event": told["event_id"],
        "redeliveries.id": order["id"],
        "lists.id": deals["id"],
        "export.id": deals["id"],
        "import.id": deals["id"],
        "lists.item": item["id"],
        "lists.field": "status",
        "lists.option": "Lead",
        "contacts.id": desk.get("/contacts")["data"][0]["id"],
        "accounts.id": desk.get("/accounts")["data"][0]["id"],
    }


def test_no_route_answers_without_a_key(desk: Desk) -> None:
    for method, rule in desk.routes():
        path = rule.rule.removeprefix(PREFIX).replace("<", "").replace(">", "")
        answer = desk.ask(method, path, anonymous=True, **request_of(method, rule))
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert answer.get_json()["error"]["code"] == "unauthorized"


def test_no_route_answers_a_wrong_secret(desk: Desk) -> None:
    for auth in ((desk.key[0], "wrong"), ("0" * 24, desk.key[1])):
        answer = desk.ask("GET", "/me", auth=auth)
        assert answer.status_code == 401
        assert answer.get_json()["message"].startswith("authorization failed")


def test_every_route_but_one_needs_a_scope(desk: Desk) -> None:
    bare = desk.new_key(scopes=[])
    for method, rule in desk.routes():
        path = rule.rule.removeprefix(PREFIX).replace("<", "").replace(">", "")
        answer = desk.ask(method, path, auth=bare, **request_of(method, rule))
        assert answer.status_code == (200 if path == "/me" else 403), (method, path)


def test_another_organization_is_shown_and_can_change_nothing(
    desk: Desk, known: dict[str, str]
) -> None:
    log = len(desk.get("/audit?limit=200")["data"])
    for method, rule in desk.routes():
        path = paths(rule, known)
        if not rule.arguments:
            continue
        answer = desk.ask(method, path, auth=desk.rival, **request_of(method, rule))
        if (method, rule.rule.removeprefix(PREFIX)) in IDEMPOTENT:
            assert answer.status_code == 200
            continue
        assert answer.status_code == 404, (method, path, answer.get_data(as_text=True))
    assert len(desk.get("/audit?limit=200")["data"]) == log
    own = set(known.values()) - {"status", "Lead"}  # both have these by name
    for method, rule in desk.routes():
        if method == "GET" and not rule.arguments:
            path = rule.rule.removeprefix(PREFIX)
            path += QUERIES.get(path, "")
            shown = desk.ask("GET", path, auth=desk.rival).get_data(as_text=True)
            assert not [id for id in own if f'"{id}"' in shown], path


def test_every_route_is_in_the_document_with_its_scope(desk: Desk) -> None:
    document = desk.get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    OpenAPI.from_dict(document)  # raises for what is no OpenAPI 3.1
    for method, rule in desk.routes():
        path = rule.rule.replace("<", "{").replace(">", "}")
        operation = document["paths"][path][method.lower()]
        assert operation["x-scope"] in (*SCOPES, "any key")
        assert operation["security"] == [{"key": []}]
        assert operation["summary"], (method, path)


def test_every_answer_is_what_the_document_says(desk: Desk, known: dict[str, str]) -> None:
    document = OpenAPI.from_dict(desk.get("/openapi.json"))
    for method, rule in desk.routes():
        if method == "GET":
            path = paths(rule, known)
            assert_documented(desk.app, document, desk, path + QUERIES.get(path, ""))


def assert_documented(app: Flask, document: OpenAPI, desk: Desk, path: str) -> None:
    answer = desk.ask("GET", path)
    assert answer.status_code == 200, (path, answer.get_data(as_text=True))
    with app.test_request_context(PREFIX + path, base_url="http://localhost", auth=desk.key):
        document.validate_response(FlaskOpenAPIRequest(request), FlaskOpenAPIResponse(answer))


def test_the_document_can_be_read_as_a_page_without_a_script(desk: Desk) -> None:
    answer = desk.ask("GET", "/docs", anonymous=True)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "<script" not in page
    assert "style=" not in page
    for path in json.loads(desk.ask("GET", "/openapi.json").data)["paths"]:
        assert f"<code>{path}</code>" in page
    assert desk.ask("GET", "/docs.css", anonymous=True).status_code == 200
