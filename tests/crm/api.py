"""The CRM's API in a test's hands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from relay.core.access import AUTHORIZATION_FAILED, Caller
from relay.core.errors import BadSignature
from relay.crm.embedded import admin
from relay.crm.embedded.desk import Desk
from relay.crm.model import List, ListType
from relay.crm.moments import milliseconds
from relay.web.v2 import Site, create_blueprint
from tests.crm.office import Office

T = TypeVar("T")
KEY, SECRET = "5f00aa55e4b0c0ffee000005", "s3cret"
SCOPES = ("crm:read", "crm:write")


@dataclass(slots=True)
class Api:
    """Sends requests as a key of the organization; `caller` is what the key may do."""

    office: Office
    client: FlaskClient
    caller: Caller

    def send(
        self, method: str, path: str, body: object = None, *, auth: bool = True
    ) -> TestResponse:
        credentials = (KEY, SECRET) if auth else None
        self.office.clock.move(milliseconds=10)
        return self.client.open(f"/v2{path}", method=method, json=body, auth=credentials)

    def ok(self, method: str, path: str, body: object = None) -> Any:
        """The body of an answer that must be 200."""
        response = self.send(method, path, body)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    def refused(self, status: int, method: str, path: str, body: object = None) -> str:
        """The message of an answer that must have this status."""
        response = self.send(method, path, body)
        found = response.get_json()
        assert (response.status_code, found["statusCode"]) == (status, status)
        assert list(found) == ["statusCode", "errorMessage", "userMessage"]
        return str(found["errorMessage"])

    def contact(self, name: str, *emails: str) -> str:
        properties = {
            "name": [{"value": name}],
            "email": [{"value": email} for email in emails],
        }
        return str(self.ok("POST", "/contacts", {"properties": properties})["id"])

    def account(self, name: str) -> str:
        return str(self.ok("POST", "/accounts", {"name": name})["id"])


def api_of(office: Office) -> Api:
    """An app with nothing but the CRM's API."""
    app = Flask(__name__)
    api = Api(office, app.test_client(), Caller(org=office.org, key=KEY, name="t", scopes=SCOPES))

    def caller() -> Caller:
        given = request.authorization
        if given is None or (given.username, given.password) != (KEY, SECRET):
            raise BadSignature(AUTHORIZATION_FAILED)
        return api.caller

    def write(org: int, work: Callable[[Desk], T]) -> T:
        office.changes = []
        with office.db.write() as conn:
            return office.crm.edit(conn, org, work, office.changes)

    app.register_blueprint(create_blueprint(Site(db=office.db, write=write), caller))
    return api


def sales_list(office: Office, title: str = "Sales", type_: ListType = ListType.ACCOUNT) -> List:
    """A list as SalesforceIQ made one."""
    with office.db.write() as conn:
        return admin.create_list(
            conn,
            office.org,
            title=title,
            type=type_,
            now_ms=milliseconds(office.clock.now()),
            new_fields=admin.SALES,
        )
