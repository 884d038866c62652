"""The calls we make to a remote CRM (https://api.salesforceiq.com/), and what its refusals mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import orjson

from relay.core.errors import (
    InvalidInput,
    NotFound,
    PermanentError,
    RemoteError,
    RetryableError,
    UnknownOutcome,
)
from relay.crm.moments import milliseconds
from relay.http import Http, Response, error_for

Wire = Mapping[str, object]

PAGE = 200  # the most that is given at once
# An id and its comma take 27 characters of the address, which may be 8 kB long.
_IDS = 200
_TOO_LONG = frozenset({413, 414})
_NOT_FOUND = 404
_SERVER_FAULT = 500
_SECONDS = 30.0
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a collection. `total` is how many there are, where the CRM says so; `at_ms` its
    own clock when it answered, to the second."""

    objects: list[Wire]
    total: int | None
    at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One key of one remote CRM. `base_url` ends with `/v2`."""

    http: Http
    base_url: str
    key: str
    secret: str

    async def lists(self) -> list[Wire]:
        """Every list with its fields."""
        return await self._all("/lists", {})

    async def account_fields(self) -> list[Wire]:
        found = await self._call("GET", "/accounts/fields")
        return _objects(found, "fields")

    async def user(self, id: str) -> Wire:
        """Raises NotFound."""
        return await self._call("GET", f"/users/{_part(id)}")

    async def contacts_by_email(self, email: str) -> list[Wire]:
        """The contacts that have the address, the oldest first."""
        return sorted(await self._all("/contacts", {"properties.email": email}), key=_age)

    async def contacts(self, ids: Sequence[str]) -> list[Wire]:
        """Those of the contacts that are there; one that was merged comes as its survivor."""
        return await self._by_ids("/contacts", ids)

    async def accounts(self, ids: Sequence[str]) -> list[Wire]:
        """Those of the accounts that are there."""
        return await self._by_ids("/accounts", ids)

    async def items(self, list_id: str, query: Mapping[str, str]) -> list[Wire]:
        """The items of the list that a filter finds, the oldest first."""
        return await self._all(_items(list_id), query)

    async def items_by_ids(self, list_id: str, ids: Sequence[str]) -> list[Wire]:
        """Those of the items that are on the list."""
        return await self._by_ids(_items(list_id), ids)

    async def items_page(
        self, list_id: str, *, start: int, limit: int = PAGE, since_ms: int | None = None
    ) -> Page:
        """A page of the list: in the order of creation, or, with `since_ms`, those modified then
        or later in the order of modification."""
        query = {"_start": str(start), "_limit": str(limit)}
        if since_ms is not None:
            query["modifiedDate"] = str(since_ms)
        response = await self._send("GET", _items(list_id), None, query)
        found = _document(response, "GET", _items(list_id))
        total = found.get("totalSize")
        return Page(
            objects=_objects(found, "objects"),
            total=total if isinstance(total, int) else None,
            at_ms=_clock_of(response),
        )

    async def put_item(self, list_id: str, id: str, body: Wire) -> Wire:
        return await self._call("PUT", f"{_items(list_id)}/{_part(id)}", body)

    async def post_item(self, list_id: str, body: Wire, upsert: str | None) -> Wire:
        """A new item; with `upsert` the CRM itself keeps two at once from making two."""
        query = {"_upsert": upsert} if upsert else None
        return await self._call("POST", _items(list_id), body, query)

    async def post_contact(self, properties: Wire) -> Wire:
        body = {"properties": properties}
        return await self._call("POST", "/contacts", body, {"_upsert": "email"})

    async def put_contact(self, id: str, properties: Wire) -> Wire:
        body = {"id": id, "properties": properties}
        return await self._call("PUT", f"/contacts/{_part(id)}", body)

    async def post_account(self, name: str, values: Wire) -> Wire:
        """The account of that name, made if there is none: names are unique there."""
        return await self._call("POST", "/accounts", {"name": name, "fieldValues": values})

    async def put_event(self, subject: str, text: str, emails: Sequence[str]) -> None:
        """An entry in the Stream of every item that has one of the people."""
        people = [{"type": "email", "value": email} for email in emails]
        body = {"subject": subject, "body": text, "participantIds": people}
        await self._send("PUT", "/events", body)

    async def _all(self, path: str, query: Mapping[str, str]) -> list[Wire]:
        found: list[Wire] = []
        while True:
            page = {"_start": str(len(found)), "_limit": str(PAGE)}
            objects = _objects(await self._call("GET", path, None, {**query, **page}), "objects")
            found.extend(objects)
            if len(objects) < PAGE:
                return found

    async def _by_ids(self, path: str, ids: Sequence[str], most: int = _IDS) -> list[Wire]:
        """A chunk that is too long for the CRM is asked for in halves."""
        found: list[Wire] = []
        for start in range(0, len(ids), most):
            chunk = ids[start : start + most]
            query = {"_ids": ",".join(chunk), "_limit": str(PAGE)}
            try:
                found += _objects(await self._call("GET", path, None, query), "objects")
            except RemoteError as error:
                if error.status not in _TOO_LONG or len(chunk) == 1:
                    raise
                found += await self._by_ids(path, chunk, (len(chunk) + 1) // 2)
        return found

    async def _call(
        self, method: str, path: str, body: Wire | None = None, query: Wire | None = None
    ) -> Wire:
        return _document(await self._send(method, path, body, query), method, path)

    async def _send(
        self, method: str, path: str, body: Wire | None = None, query: Wire | None = None
    ) -> Response:
        response = await self.http.request(
            method,
            f"{self.base_url}{path}",
            params=None if query is None else {name: str(value) for name, value in query.items()},
            headers=None if body is None else _JSON,
            content=None if body is None else orjson.dumps(body),
            auth=(self.key, self.secret),
            timeout=_SECONDS,
            purpose=f"CRM: {method} {path}",
        )
        if not response.is_success:
            raise _error(response, method, f"CRM, {method} {path}")
        return response


def _error(response: Response, method: str, what: str) -> RemoteError | InvalidInput | NotFound:
    """Its own words where it refused what was sent; the rest by status. A server that fails at a
    write may have written."""
    error = error_for(response, what)
    if response.status >= _SERVER_FAULT and method != "GET":
        asked = error.retry_after if isinstance(error, RetryableError) else None
        return UnknownOutcome(str(error), status=response.status, retry_after=asked)
    if not isinstance(error, PermanentError) or response.status in _TOO_LONG:
        return error
    said = _message(response)
    if response.status == _NOT_FOUND:
        return NotFound(said or f"{what}: there is no such thing")
    return InvalidInput(said) if said else error


def _message(response: Response) -> str | None:
    try:
        body = response.json()
    except ValueError:
        return None
    message = body.get("errorMessage") if isinstance(body, Mapping) else None
    return str(message) if message else None


def _document(response: Response, method: str, path: str) -> Wire:
    try:
        found = response.json()
    except ValueError:
        found = None
    if isinstance(found, Mapping):
        return found
    problem = RetryableError if method == "GET" else UnknownOutcome
    raise problem(f"the CRM's answer to {method} {path} is not a JSON object")


def _objects(body: Wire, name: str) -> list[Wire]:
    found = body.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _clock_of(response: Response) -> int | None:
    try:
        return milliseconds(parsedate_to_datetime(response.headers.get("date", "")))
    except (ValueError, TypeError):
        return None


def _items(list_id: str) -> str:
    return f"/lists/{_part(list_id)}/listitems"


def _part(id: str) -> str:
    return quote(id, safe="")


def _age(contact: Wire) -> str:
    # An id begins with the second in which its record was made.
    return str(contact.get("id"))
