"""Who belongs here: the organization, its people, its keys, and who did what."""

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.core import ids
from relay.core.access import ROLES, SCOPES
from relay.core.errors import NotFound
from relay.pipeline import arrange, documents
from relay.storage import identity, members
from relay.storage.reads import settings
from relay.web.api.resource import Resource
from relay.web.api.site import (
    Document,
    PageQuery,
    by,
    caller,
    cut,
    page_of,
    paged,
    read,
    runtime,
    whole,
    write,
)

_TIME = {"format": "date-time"}
_PASSWORD_BYTES = 12


class Organization(Schema):
    """A company that uses Relay."""

    id = fields.String(required=True, metadata={"example": "org_1"})
    name = fields.String()
    is_test = fields.Boolean()
    time_zone = fields.String()
    settings = fields.Dict()
    bookings_held = fields.Boolean()
    key_limit = fields.Integer()
    quiet_hours = fields.String(allow_none=True)
    rule_set = fields.String(allow_none=True)


class OrganizationChange(Schema):
    """What can be set. A setting of null is taken away."""

    time_zone = fields.String(metadata={"example": "Europe/Berlin"})
    key_limit = fields.Integer()
    quiet_hours = fields.String(metadata={"example": "22:00-07:00", "description": "or none"})
    bookings_held = fields.Boolean()
    settings = fields.Dict(keys=fields.String())


class Me(Schema):
    """The key of this request."""

    key = fields.String(required=True)
    name = fields.String()
    scopes = fields.List(fields.String())
    lists = fields.List(fields.String(), allow_none=True)
    organization = fields.Nested(Organization)


class User(Schema):
    """Somebody who may sign in."""

    id = fields.String(required=True)
    email = fields.String()
    name = fields.String()
    role = fields.String(validate=validate.OneOf(ROLES))
    created_at = fields.String(metadata=_TIME)


class NewUser(Schema):
    """Without a password one is made, and shown this once."""

    email = fields.Email(required=True)
    name = fields.String(required=True)
    role = fields.String(load_default="viewer", validate=validate.OneOf(ROLES))
    password = fields.String(load_only=True, validate=validate.Length(min=10))


class MadeUser(User):
    """A new user; `password` is there where we made it."""

    password = fields.String()


class RoleChange(Schema):
    """Another role."""

    role = fields.String(required=True, validate=validate.OneOf(ROLES))


class Key(Schema):
    """An API key; its secret is known to nobody any more."""

    key = fields.String(required=True)
    name = fields.String()
    scopes = fields.List(fields.String())
    lists = fields.List(fields.String(), allow_none=True)
    created_at = fields.String(metadata=_TIME)
    used_at = fields.String(allow_none=True, metadata=_TIME)


class NewKey(Schema):
    """`lists` by title or id; null: every list."""

    name = fields.String(required=True, validate=validate.Length(min=1))
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)), load_default=lambda: list(SCOPES)
    )
    lists = fields.List(fields.String(), load_default=None, allow_none=True)


class Secret(Schema):
    """A key with its secret, shown this once."""

    key = fields.String(required=True)
    secret = fields.String(required=True)


class Audited(Schema):
    """Who did what."""

    id = fields.String(required=True)
    at = fields.String(metadata=_TIME)
    actor = fields.String()
    action = fields.String()
    subject = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


routes = Resource("organization", "The organization, its people, its keys, and the audit log.")


@routes.get("/me", scope=None, answer=Me)
def me() -> Document:
    """Whose key this is, and what it may do."""
    who = caller()
    lists = None if who.lists is None else list(who.lists)
    return {
        "key": who.key,
        "name": who.name,
        "scopes": list(who.scopes),
        "lists": lists,
        "organization": _organization(),
    }


@routes.get("/orgs", scope="admin", answer=page_of(Organization))
def list_orgs() -> Document:
    """The organization of the key: others are none of its business."""
    return whole([_organization()])


@routes.patch("/orgs/<id>", scope="admin", body=OrganizationChange, answer=Organization)
def change_org(change: Document, id: str) -> Document:
    """Sets time zone, limit of keys, settings, or holds all bookings."""
    org = caller().org
    if ids.number("org", id) != org:
        raise NotFound(f"there is no organization {id!r} here")
    held = change.pop("bookings_held", None)
    arrange.change_organization(runtime(), org, by=by(), **change)
    if held is not None:
        arrange.hold_bookings(runtime(), org, held=held, by=by())
    return _organization()


def _organization() -> Document:
    return documents.organization(read(lambda conn: identity.organization(conn, caller().org)))


@routes.get("/users", scope="admin", answer=page_of(User))
def list_users() -> Document:
    """Everyone of the organization."""
    return whole(map(documents.user, read(lambda conn: settings.people(conn, caller().org))))


@routes.post("/users", scope="admin", body=NewUser, status=201, answer=MadeUser)
def create_user(new: Document) -> Document:
    """Somebody who may sign in."""
    given, org, now = new.pop("password", None), caller().org, runtime().clock.now()
    password = given or ids.token(_PASSWORD_BYTES)

    def work(conn: Connection) -> Document:
        id = identity.create_user(conn, org, password=password, at=now, **new)
        identity.audit(conn, org, by(), "user created", new["email"], after=new["role"], at=now)
        return next(documents.user(one) for one in settings.people(conn, org) if one.id == id)

    made = write(work)
    return made if given else {**made, "password": password}


@routes.patch("/users/<id>", scope="admin", body=RoleChange, answer=User)
def change_role(change: Document, id: str) -> Document:
    """Another role for somebody, by id or email."""
    org, now = caller().org, runtime().clock.now()

    def work(conn: Connection) -> Document:
        members.change_role(conn, org, id, change["role"], by=by(), at=now)
        people = settings.people(conn, org)
        return next(documents.user(one) for one in people if id.lower() in (one.id, one.email))

    return write(work)


@routes.get("/keys", scope="admin", answer=page_of(Key))
def list_keys() -> Document:
    """The live keys."""
    return whole(map(documents.key, read(lambda conn: settings.keys(conn, caller().org))))


@routes.post("/keys", scope="admin", body=NewKey, status=201, answer=Secret)
def create_key(new: Document) -> Document:
    """A new key; its secret is shown this once."""
    org, now = caller().org, runtime().clock.now()

    def work(conn: Connection) -> tuple[str, str]:
        lists = arrange.list_ids(runtime(), conn, org, new["lists"])
        return identity.create_key(conn, org, by=by(), at=now, **{**new, "lists": lists})

    key, secret = write(work)
    return {"key": key, "secret": secret}


@routes.post("/keys/<key>/reset-secret", scope="admin", answer=Secret)
def reset_secret(key: str) -> Document:
    """A new secret; the old one ends at once."""
    org, now = caller().org, runtime().clock.now()
    secret = write(lambda conn: identity.reset_secret(conn, org, key, by=by(), at=now))
    return {"key": key, "secret": secret}


@routes.delete("/keys/<key>", scope="admin", status=204)
def revoke_key(key: str) -> None:
    """Ends a key and frees its slot."""
    org, now = caller().org, runtime().clock.now()
    write(lambda conn: identity.revoke_key(conn, org, key, by=by(), at=now))


@routes.get("/audit", scope="admin", query=PageQuery, answer=page_of(Audited))
def list_audit(query: Document) -> Document:
    """Who did what, newest first."""
    page = read(lambda conn: settings.audit(conn, caller().org, cut(query)))
    return paged(page, map(documents.audited, page.rows))
