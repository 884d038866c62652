"""Bookings: what was booked where, for which deal, and what is not certain."""

from flask import request

from relay.storage.reads import bookings as stored
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read


@pages.get("/bookings")
def bookings() -> str:
    cut = Cut.of(request.args.get("before"))
    return page("bookings", found=read(lambda conn: stored.page(conn, me().org, cut)))
