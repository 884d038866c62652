"""What operations are given: parameters read one by one, each operation answered by itself."""

import re
from collections.abc import Callable, Mapping, Sequence

from relay.core.errors import InvalidInput, RelayError
from relay.core.facts import clean
from relay.crm.port import Done, Operation, Result

NOBODY = "nobody found"

_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def each(operations: Sequence[Operation], work: Callable[[Operation], Done]) -> list[Result]:
    """Does the work for one after the other; one that fails is answered with its error."""
    results: list[Result] = []
    for operation in operations:
        try:
            results.append(work(operation))
        except RelayError as error:
            results.append(error)
    return results


def text(operation: Operation, name: str) -> str | None:
    """A parameter as cleaned text; None where it is absent, null or empty."""
    value = operation.params.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        if isinstance(value, (Mapping, list, tuple)):
            raise InvalidInput(f"{name} must be text", {name: ["must be text"]})
        value = str(value)
    return clean(value) or None


def quiet(operation: Operation, name: str) -> str | None:
    """The same before the operation is carried out: what is wrong with it is said then."""
    try:
        return text(operation, name)
    except InvalidInput:
        return None


def required(operation: Operation, name: str) -> str:
    """Raises InvalidInput where the parameter is absent."""
    value = text(operation, name)
    if value is None:
        raise InvalidInput(f"{name} is needed", {name: ["is needed"]})
    return value


def yes(operation: Operation, name: str, *, default: bool) -> bool:
    value = operation.params.get(name)
    return default if value is None else value in (True, "true", "yes", "1", 1)


def address(value: str) -> str:
    """An e-mail address in lower case. Raises InvalidInput."""
    if not _ADDRESS.fullmatch(value):
        raise InvalidInput(f"{value!r} is not an e-mail address", {"email": ["is no address"]})
    return value.lower()


def refs(operation: Operation, name: str) -> list[str] | None:
    """A parameter of ids or addresses, one or several; None where it is absent."""
    given = operation.params.get(name)
    if given is None:
        return None
    values = given if isinstance(given, (list, tuple)) else [given]
    return [str(value).strip() for value in values if value]


def item_of(operation: Operation) -> str:
    """The item that is meant: the one given, or the one that triggered the run."""
    id = text(operation, "item") or operation.item
    if id is None:
        raise InvalidInput("item is needed: this run has none of its own")
    return id


# What an entry of the stream may be about, in this order.
ABOUT = ("item", "contact", "email", "account")


def about(operation: Operation) -> tuple[str, str]:
    """What an entry is about: the kind and the id or address. Raises InvalidInput."""
    for kind in ABOUT:
        ref = text(operation, kind)
        if ref is not None:
            return kind, ref
    if operation.item is None:
        raise InvalidInput("item, contact, email or account is needed")
    return "item", operation.item
