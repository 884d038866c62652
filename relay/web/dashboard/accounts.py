"""One account: its fields, its items on every list, and its whole Stream."""

from flask import request

from relay.core.errors import NotFound
from relay.crm.embedded import accounts, grid, stream
from relay.crm.embedded.people import people
from relay.crm.embedded.schema import schema
from relay.crm.values import display
from relay.web.dashboard.blueprint import me, page, pages, read

_ITEMS = 20
_ENTRIES = 50


@pages.get("/accounts/<id>")
def account(id: str) -> str:
    found = read(lambda conn: accounts.read(conn, me().org, [id])).get(id)
    if found is None:
        raise NotFound(f"there is no account {id!r} here")
    given = request.args.get("before", "")
    before = int(given[:18]) if given.isascii() and given.isdigit() else None
    fields, users, entries, items = read(
        lambda conn: (
            schema(conn, me().org).account_fields.all,
            people(conn, me().org),
            stream.of_account(conn, me().org, id, before=before, limit=_ENTRIES + 1),
            [
                row
                for one in grid.lists(conn, me().org)
                for row in grid.page(
                    conn, me().org, one.id, grid.View(account_id=id, limit=_ITEMS)
                ).rows
            ],
        )
    )
    values = [(one.name, display(one, found.values.get(one.id), lambda: users)) for one in fields]
    return page(
        "account",
        account=found,
        values=values,
        entries=entries[:_ENTRIES],
        next=entries[_ENTRIES - 1].id if len(entries) > _ENTRIES else None,
        items=items,
    )
