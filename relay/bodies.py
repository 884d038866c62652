"""What a request's body holds: JSON or one form, read once however many ask for it."""

from collections.abc import Mapping

from relay import forms
from relay.core.errors import Unreadable
from relay.core.facts import document
from relay.integration import InboundRequest


def json_in(request: InboundRequest) -> object:
    """The JSON value. Raises Unreadable."""
    return request.once(_json)


def object_in(request: InboundRequest) -> Mapping[str, object]:
    """The JSON object. Raises Unreadable for anything else."""
    found = json_in(request)
    if not isinstance(found, Mapping):
        raise Unreadable("the body is not a JSON object")
    return found


def object_or_none(request: InboundRequest) -> Mapping[str, object]:
    """The JSON object, an empty one where there is none: what cannot be read is told later."""
    try:
        return object_in(request)
    except Unreadable:
        return {}


def forms_in(request: InboundRequest) -> list[dict[str, object]]:
    """The submissions in a post of a form, several in a JSON array. Raises Unreadable."""
    return request.once(_forms)


def form_in(request: InboundRequest) -> dict[str, object]:
    """The fields of a post that holds one form. Raises Unreadable."""
    found = forms_in(request)
    if len(found) != 1:
        raise Unreadable(f"the post holds {len(found)} forms, and this sender sends one")
    return found[0]


def form_or_none(request: InboundRequest) -> dict[str, object]:
    """The fields, none where the post cannot be read."""
    try:
        return form_in(request)
    except Unreadable:
        return {}


def _json(request: InboundRequest) -> object:
    return document(request.body)


def _forms(request: InboundRequest) -> list[dict[str, object]]:
    return forms.read(request.headers.get("content-type", ""), request.body)
