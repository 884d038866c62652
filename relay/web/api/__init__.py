"""/api/v1: everything a program may ask of Relay, with its OpenAPI 3.1 document."""

from flask import Flask
from flask_smorest import Api  # type: ignore[import-untyped]

import relay
from relay.web.api import (
    again,
    connections,
    contacts,
    definitions,
    deliveries,
    docs,
    event_types,
    events,
    export,
    failures,
    hook_acts,
    hooks,
    imports,
    lists,
    many_runs,
    people,
    rule_tries,
    rules,
    sandboxes,
    sources,
    versions,
)
from relay.web.api.site import PREFIX

_ABOUT = """Basic authentication with an API key and its secret. Lists answer
`{"data": […], "next": cursor or null}`; ask for `?cursor=` to go on. Every error is
`{"error": {"code", "message", "fields"?}, "message"}`. Every POST but an import takes an
`Idempotency-Key`: sent again within a day it is answered as the first was, and nothing is done
twice."""


def install(app: Flask) -> None:
    """Serves the API. Errors are told by the application's own handlers, so this comes before
    them: flask-smorest brings one of its own."""
    app.config.update(
        API_TITLE="Relay",
        API_VERSION=relay.__version__,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=PREFIX,
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={"info": {"description": _ABOUT}},
    )
    # Documents keep the order of their keys, so that a story reads from its beginning.
    app.json.sort_keys = False  # type: ignore[attr-defined]
    api = Api(app)
    api.spec.components.security_scheme("key", {"type": "http", "scheme": "basic"})
    nouns = (
        people, sources, connections, sandboxes, rules, rule_tries, versions, hooks, event_types,
        hook_acts, deliveries, events, again, many_runs, failures, lists,
        definitions, contacts, export, imports,
    )  # fmt: skip
    for module in nouns:
        api.register_blueprint(module.routes.blueprint)
    docs.install(app, api)


__all__ = ["PREFIX", "install"]
