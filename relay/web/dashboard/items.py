"""One item of a list: its fields, its people, its Stream, and everything Relay did for it."""

from relay.core.errors import NotFound
from relay.crm.embedded import grid, stream
from relay.storage.reads import bookings, runs
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read

_RUNS = 20


@pages.get("/lists/<id>/items/<item>")
def item(id: str, item: str) -> str:
    row, entries, ran, booked = read(
        lambda conn: (
            grid.one(conn, me().org, item),
            stream.of_item(conn, me().org, item),
            runs.page(conn, me().org, runs.Filter(item=item), Cut(size=_RUNS)),
            bookings.of_item(conn, me().org, item),
        )
    )
    if row.list.id != id:
        raise NotFound(f"there is no item {item!r} in this list")
    return page("item", row=row, entries=entries, ran=ran, booked=booked)
