"""A folder of rules, kept an eye on: what is changed there is applied, whole or not at all.

At the start it is applied where it is a set that the organization has never had: one that was live
before was taken back by somebody, and only a change or a person brings it back.
"""

from collections.abc import Mapping
from pathlib import Path

from relay import log as logging
from relay.core.errors import InvalidInput, NotFound
from relay.pipeline import rules
from relay.runtime import Runtime
from relay.storage import identity, rulesets
from rules.engine import RuleSet

BY = "the watched folder"
_Places = Mapping[str, tuple[int, int]]  # a file's time of change and size
log = logging.get()


class Watch:
    """One folder, for one organization. `look` is called twice a second."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._folder = runtime.settings.rules_dir
        self._seen: _Places = _places(self._folder)
        self._last: _Places = self._seen
        self._texts = self._read()

    def begin(self) -> None:
        """Applies the folder where its set was never live."""
        org = self._org()
        if org is None or not self._texts:
            return
        found = RuleSet(rules.check(self._runtime, org, self._texts).rules).hash
        with self._runtime.db.read() as conn:
            known = rulesets.knows_set(conn, org, found)
        if not known:
            self.apply()

    def look(self) -> bool:
        """Applies the folder when something in it has changed and stands still; whether it did."""
        now = _places(self._folder)
        stands, self._last = now == self._last, now
        if now == self._seen or not stands:
            return False
        self._seen = now
        texts = self._read()
        if texts == self._texts:
            return False
        return self.apply()

    def apply(self) -> bool:
        """Applies the folder as it is; False where it was refused, and the last good set goes on.
        A folder without rules is no rule set: nothing is taken away for it."""
        self._texts = self._read()
        org = self._org()
        if org is None or not self._texts:
            return False
        try:
            hash = rules.apply(self._runtime, org, self._texts, by=BY)
        except rules.Refused as refused:
            log.warning("rules_refused", org_id=org, reason=str(refused))
            return False
        log.info("rules_applied", org_id=org, set_hash=hash)
        return True

    def _read(self) -> dict[str, str]:
        try:
            return rules.texts_in(self._folder)
        except (OSError, UnicodeDecodeError) as error:
            log.warning("rules_not_read", folder=str(self._folder), reason=str(error))
            return {}

    def _org(self) -> int | None:
        """The organization that RELAY_ORG names, or the only one."""
        with self._runtime.db.read() as conn:
            try:
                return identity.organization_named(conn, self._runtime.settings.org).id
            except (InvalidInput, NotFound) as error:
                log.warning("rules_folder_of_nobody", reason=str(error))
                return None


def _places(folder: Path) -> _Places:
    places = {}
    for path in folder.glob("*.yaml"):
        try:
            found = path.stat()
        except OSError:
            continue  # taken away in between: the next look sees it gone
        places[path.name] = (found.st_mtime_ns, found.st_size)
    return places
