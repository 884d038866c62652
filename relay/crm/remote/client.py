"""The calls we make to a remote CRM (https://api.salesforceiq.com/), and what its refusals mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from relay.core.errors import InvalidInput, NotFound, PermanentError, RemoteError
from relay.http import Http, Response, error_for

Wire = Mapping[str, object]

# Longer addresses than about 8 kB are refused with 414.
_CHUNK = 200


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

    async def contacts_by_email(self, email: str) -> list[Wire]:
        """The contacts that have the address, the oldest first."""
        return sorted(await self._all("/contacts", {"properties.email": email}), key=_age)

    async def contacts(self, ids: Sequence[str]) -> list[Wire]:
        return await self._all("/contacts", {"_ids": ",".join(ids)}) if ids else []

    async def items(self, list_id: str, query: Mapping[str, str]) -> list[Wire]:
        """The items of the list that a filter finds, the oldest first."""
        return await self._all(f"/lists/{_part(list_id)}/listitems", query)

    async def put_item(self, list_id: str, id: str, body: Wire) -> Wire:
        return await self._call("PUT", f"/lists/{_part(list_id)}/listitems/{_part(id)}", body)

    async def post_item(self, list_id: str, body: Wire, upsert: str | None) -> Wire:
        """A new item; with `upsert` the CRM itself keeps two at once from making two."""
        query = {"_upsert": upsert} if upsert else None
        return await self._call("POST", f"/lists/{_part(list_id)}/listitems", body, query)

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
            page = {"_start": str(len(found)), "_limit": str(_CHUNK)}
            objects = _objects(await self._call("GET", path, None, {**query, **page}), "objects")
            found.extend(objects)
            if len(objects) < _CHUNK:
                return found

    async def _call(
        self, method: str, path: str, body: Wire | None = None, query: Wire | None = None
    ) -> Wire:
        response = await self._send(method, path, body, query)
        try:
            found = response.json()
        except ValueError as error:
            raise RemoteError(f"the CRM's answer to {method} {path} is not JSON") from error
        if not isinstance(found, Mapping):
            raise RemoteError(f"the CRM's answer to {method} {path} is not an object")
        return found

    async def _send(
        self, method: str, path: str, body: Wire | None = None, query: Wire | None = None
    ) -> Response:
        response = await self.http.request(
            method,
            f"{self.base_url}{path}",
            params=None if query is None else {name: str(value) for name, value in query.items()},
            json=body,
            auth=(self.key, self.secret),
            purpose=f"CRM: {method} {path}",
        )
        if not response.is_success:
            raise _error(response, f"CRM, {method} {path}")
        return response


def _error(response: Response, what: str) -> Exception:
    """Its own words where it refused what was sent; the rest by status."""
    error = error_for(response, what)
    if not isinstance(error, PermanentError):
        return error
    said = _message(response)
    if response.status == 404:  # noqa: PLR2004 - HTTP's own numbers
        return NotFound(said or f"{what}: there is no such thing")
    return InvalidInput(said) if said else error


def _message(response: Response) -> str | None:
    try:
        body = response.json()
    except ValueError:
        return None
    message = body.get("errorMessage") if isinstance(body, Mapping) else None
    return str(message) if message else None


def _objects(body: Wire, name: str) -> list[Wire]:
    found = body.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _part(id: str) -> str:
    return quote(id, safe="")


def _age(contact: Wire) -> str:
    # An id begins with the second in which its record was made.
    return str(contact.get("id"))
