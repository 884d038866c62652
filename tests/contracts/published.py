"""Holds what was said between a connector and a sandbox to the provider's published document."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from tests.contracts.sandbox_http import Talk

SPECS = Path(__file__).parent / "specs"


@cache
def _document(name: str) -> OpenAPI:
    # The documents are checked copies; checking them again costs seconds.
    data = json.loads((SPECS / f"{name}.openapi.json").read_text())
    return OpenAPI.from_dict(data, config=Config(spec_validator_cls=None))


@dataclass(frozen=True, slots=True)
class Published:
    """A provider's document: `host` is its server there, `statuses` those it does not speak of,
    `wrapper` the name under which the wire wraps an error that the document shows bare."""

    name: str
    host: str
    unspoken: tuple[int, ...] = ()
    wrapper: str = ""

    def check_request(self, talk: Talk) -> None:
        """Raises when the published document does not allow the request."""
        _document(self.name).validate_request(self._request(talk))

    def check(self, talk: Talk) -> None:
        """The request and its answer."""
        self.check_request(talk)
        if talk.answer.status in self.unspoken:
            return
        body = talk.answer.body
        if talk.answer.status >= 400 and self.wrapper:
            body = json.dumps(json.loads(body)[self.wrapper]).encode()
        response = MockResponse(
            body, status_code=talk.answer.status, content_type="application/json"
        )
        _document(self.name).validate_response(self._request(talk), response)

    def _request(self, talk: Talk) -> MockRequest:
        sent = talk.request
        return MockRequest(
            self.host,
            sent.method.lower(),
            sent.path,
            args=dict(sent.query),
            headers=dict(sent.headers),
            data=sent.body or None,
            content_type=sent.headers.get("content-type", ""),
        )
