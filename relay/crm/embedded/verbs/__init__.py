"""The `crm.*` verbs, each for a whole chunk of operations of one organization at once."""

from collections.abc import Callable, Mapping, Sequence

from relay.crm.embedded.desk import Desk
from relay.crm.embedded.verbs.accounts import upsert_account
from relay.crm.embedded.verbs.create import create_item
from relay.crm.embedded.verbs.find import find_item
from relay.crm.embedded.verbs.people import upsert_contact
from relay.crm.embedded.verbs.stream import post_stream
from relay.crm.embedded.verbs.update import add_contact, update_item
from relay.crm.port import Operation, Result

VERBS: Mapping[str, Callable[[Desk, Sequence[Operation]], list[Result]]] = {
    "find_item": find_item,
    "update_item": update_item,
    "create_item": create_item,
    "upsert_contact": upsert_contact,
    "upsert_account": upsert_account,
    "add_contact": add_contact,
    "post_stream": post_stream,
}
