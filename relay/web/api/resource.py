"""Routes: each with its scope, what it takes and what it answers, in the document and in fact."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

from flask import current_app, g, request
from flask_smorest import Blueprint  # type: ignore[import-untyped]
from marshmallow import Schema
from webargs.flaskparser import FlaskParser

from relay.core.access import Caller
from relay.core.errors import InvalidInput
from relay.web.api.once import HEADER
from relay.web.api.once import once as done_once
from relay.web.api.site import PREFIX

View = TypeVar("View", bound=Callable[..., Any])
Documented = type[Schema] | Schema

ANY_KEY = "any key"


class Resource:
    """The routes of one noun."""

    def __init__(self, name: str, about: str) -> None:
        self.blueprint: Any = Blueprint(name, __name__, url_prefix=PREFIX, description=about)
        self.blueprint.ARGUMENTS_PARSER = _PARSER

    def get(
        self,
        path: str,
        *,
        scope: str | None,
        answer: Documented | dict[str, str],
        query: type[Schema] | None = None,
        content_type: str | None = None,
    ) -> Callable[[View], View]:
        """`scope` None: any key will do. What the query says comes as the first argument."""
        return self._route("GET", path, scope, answer=answer, query=query, kind=content_type)

    def post(
        self,
        path: str,
        *,
        scope: str,
        answer: Documented,
        body: type[Schema] | None = None,
        status: int = 200,
    ) -> Callable[[View], View]:
        """What the body says comes as the first argument."""
        return self._route("POST", path, scope, answer=answer, body=body, status=status)

    def upload(
        self,
        path: str,
        *,
        scope: str,
        query: type[Schema],
        answer: Documented,
        kinds: Sequence[str],
    ) -> Callable[[View], View]:
        """A POST whose body is a file of one of these types, read by the view itself."""
        text = {"schema": {"type": "string"}}
        body = {"required": True, "content": dict.fromkeys(kinds, text)}
        return self._route("POST", path, scope, answer=answer, query=query, file=body)

    def patch(
        self, path: str, *, scope: str, answer: Documented, body: type[Schema]
    ) -> Callable[[View], View]:
        """What the body says comes as the first argument."""
        return self._route("PATCH", path, scope, answer=answer, body=body)

    def delete(
        self,
        path: str,
        *,
        scope: str,
        query: type[Schema] | None = None,
        status: int = 204,
        answer: Documented | None = None,
    ) -> Callable[[View], View]:
        """Answers nothing, where it is not said what."""
        return self._route("DELETE", path, scope, query=query, answer=answer, status=status)

    def _route(
        self,
        method: str,
        path: str,
        scope: str | None,
        *,
        answer: Documented | dict[str, str] | None = None,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
        status: int = 200,
        kind: str | None = None,
        file: Mapping[str, Any] | None = None,
    ) -> Callable[[View], View]:
        blueprint = self.blueprint

        def decorate(view: View) -> View:
            made: Any = blueprint.response(status, answer, content_type=kind)(view)
            if query is not None:
                made = blueprint.arguments(query, location="query")(made)
            if body is not None:
                made = blueprint.arguments(body)(made)
            told: dict[str, Any] = {"security": [{"key": []}], "x-scope": scope or ANY_KEY}
            if file is not None:
                told["requestBody"] = file
            made = blueprint.doc(**told)(made)
            # A file is as long as it is: what makes it safe to send again is not its hash.
            blueprint.route(path, methods=[method])(_guarded(made, scope, once=file is None))
            return view

        return decorate


def _guarded(view: Callable[..., Any], scope: str | None, *, once: bool) -> Callable[..., Any]:
    """Before anything else: the key of the request, and its scope."""

    @wraps(view)
    def guarded(**path: Any) -> Any:
        caller: Caller = current_app.extensions["doorkeeper"].caller()
        if scope is not None:
            caller.need(scope)
        g.caller = caller
        key = request.headers.get(HEADER) if once and request.method == "POST" else None
        return view(**path) if key is None else done_once(caller, key, lambda: view(**path))

    return guarded


def _refuse(error: Any, *_: object, **__: object) -> None:
    """What does not fit a schema, in the words of our own error."""
    told: dict[str, list[str]] = {}
    for messages in error.messages.values():
        _flatten(messages, "", told)
    raise InvalidInput("the request is not what this route takes", told)


def _flatten(messages: Any, path: str, told: dict[str, list[str]]) -> None:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            _flatten(inner, f"{path}.{name}" if path else str(name), told)
    else:
        told[path or "body"] = [str(one) for one in messages]


_PARSER: Any = FlaskParser()
_PARSER.error_handler(_refuse)
