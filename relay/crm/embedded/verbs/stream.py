"""`crm.post_stream`: an entry in the Account Stream, once for each step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.core.errors import InvalidInput, NotFound, RelayError
from relay.crm.embedded import accounts, items, records, stream
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.verbs.persons import note_of, one_person, people
from relay.crm.given import ABOUT, about, address, each, required, text
from relay.crm.model import Account, Contact, Item
from relay.crm.port import Done, Operation, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the chunk's operations are about, read together."""

    items: Mapping[str, Item]
    accounts: Mapping[str, Account]
    persons: Mapping[str, Sequence[Contact]]


def post_stream(desk: Desk, operations: Sequence[Operation]) -> list[Result]:
    """Entries about an item, a person or an account; without any, about the triggering item.

    An address of nobody is no error: the entry shows as soon as somebody has it.
    """
    known = _read(desk, operations)
    posts: list[stream.Post] = []

    def work(operation: Operation) -> Done:
        post = stream.Post(
            subject=required(operation, "subject"),
            body=text(operation, "body") or "",
            author=operation.author,
            key=operation.key or None,
        )
        kind, ref = about(operation)
        note = _aim(post, kind, ref, known)
        posts.append(post)
        return Done(output=note)

    results = each(operations, work)
    records.post(desk, posts)
    return results


def _read(desk: Desk, operations: Sequence[Operation]) -> _Known:
    refs: dict[str, set[str]] = {name: set() for name in ABOUT}
    for operation in operations:
        try:
            kind, ref = about(operation)
        except RelayError:
            continue
        refs[kind].add(ref)
    return _Known(
        items=desk.held | items.read(desk.conn, desk.org, refs["item"] - desk.held.keys()),
        accounts=accounts.read(desk.conn, desk.org, refs["account"]),
        persons=people(desk, refs["contact"] | refs["email"]),
    )


def _aim(post: stream.Post, kind: str, ref: str, known: _Known) -> dict[str, object]:
    """Says in the entry what it is about; gives what people should know."""
    match kind:
        case "item":
            if ref not in known.items:
                raise NotFound(f"there is no list item {ref!r}")
            post.item_id, post.account_id = ref, known.items[ref].account_id
        case "account":
            if ref not in known.accounts:
                raise InvalidInput(f"there is no account {ref!r}")
            post.account_id = ref
        case "email" if not known.persons.get(ref):
            post.emails = (address(ref),)
            return {"note": f"no contact has {ref} yet: the entry shows once one does"}
        case _:
            post.contact_id = one_person(known.persons, ref).id
            return note_of(ref, known.persons)
    return {}
