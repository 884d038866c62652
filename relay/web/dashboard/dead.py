"""Dead letters: what gave up, grouped by cause."""

from relay.storage.reads import overview
from relay.web.dashboard.blueprint import me, page, pages, read


@pages.get("/dead")
def dead() -> str:
    return page("dead", causes=read(lambda conn: overview.dead_letters(conn, me().org)))
