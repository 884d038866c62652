"""The ring of keys that encrypts credentials is turned: what older keys sealed is sealed anew."""

from collections import Counter

from relay.runtime import Runtime
from relay.storage import identity
from relay.storage.reseal import CHUNK, KEPT, Kept, reseal


def turn(runtime: Runtime, *, by: str) -> dict[str, int]:
    """How many of each kind, written down in each organization's audit log. Raises Sealed for what
    no key of the ring opens."""
    found = {kept.name: _whole(runtime, kept, by) for kept in KEPT}
    return {name: number for name, number in found.items() if number}


def _whole(runtime: Runtime, kept: Kept, by: str) -> int:
    count = 0
    while True:
        with runtime.db.write() as conn:
            done: Counter[int] = reseal(conn, runtime.vault, kept)
            for org, number in done.items():
                identity.audit(conn, org, by, "credentials sealed anew", kept.name,
                               after={"count": number}, at=runtime.clock.now())  # fmt: skip
        count += done.total()
        if done.total() < CHUNK:
            return count
