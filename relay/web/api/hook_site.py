"""What the routes about hooks share: which hooks a key may see, and how one is shown."""

from relay.core.errors import NotAllowed, NotFound
from relay.core.hook import Hook
from relay.pipeline import subscribe
from relay.pipeline.crm_lists import Lists, all_lists
from relay.pipeline.hook_documents import hook
from relay.storage import hook_health
from relay.web.api.site import Document, caller, read, runtime
from relay.web.v2.site import may_see


def found(ref: str) -> Hook:
    """Raises NotFound, also for a hook about lists that the key may not see."""
    one = read(lambda conn: subscribe.hook_called(runtime(), conn, caller().org, ref))
    if not visible(one):
        raise NotFound(f"there is no hook {ref!r} here")
    return one


def told(one: Hook) -> Document:
    health = read(lambda conn: hook_health.healths(conn, [one.id]))
    return hook(one, health.get(one.id), runtime().clock.now())


def visible(one: Hook) -> bool:
    if caller().lists is None:
        return True
    return one.list_id is not None and one.list_id in _lists()


def _lists() -> set[str]:
    return {one.id for one in known().all if may_see(caller(), one)}


def known() -> Lists:
    return read(lambda conn: all_lists(runtime(), conn, caller().org))


def may_hear(event: str, list_id: str | None) -> None:
    """A key that is kept to some lists hears of their items alone. Raises NotAllowed."""
    if caller().lists is None:
        return
    called = None if not list_id else known().called(list_id).id
    if not event.startswith("list_item.") or called not in _lists():
        raise NotAllowed(
            "this key is kept to some lists: it hears of list_item events of one of them"
        )
