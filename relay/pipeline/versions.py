"""The versions that an organization's rules have had: which went live when, what differs between
two, and the way back."""

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import NotFound
from relay.pipeline import rules
from relay.pipeline.plain import time
from relay.runtime import Runtime
from relay.setups import NO_RULES
from relay.storage import identity, rulesets
from relay.storage.rulesets import Applied
from rules.engine import Rule, rule_hash

Document = dict[str, Any]
_Text = tuple[str, list[str]]  # a rule's hash and its lines

LIVE = "live"
SHOWN = 50  # applies that a history goes back


def history(conn: Connection, org: int, rule: str | None = None) -> list[Document]:
    """Each time rules went live, newest first, with what it changed; of one rule: only those that
    changed it. Raises NotFound for a rule that there never was."""
    found = rulesets.applies(conn, org, SHOWN + 1)
    told = [
        _applied(one, found[n + 1] if n + 1 < len(found) else None)
        for n, one in enumerate(found[:SHOWN])
    ]
    if rule is None:
        return told
    mine = [one for one in told if any(change["rule"] == rule for change in one["changes"])]
    if not mine:
        raise NotFound(f"there is no rule {rule!r} in the history")
    return [
        {**one, "changes": [change for change in one["changes"] if change["rule"] == rule]}
        for one in mine
    ]


def _applied(one: Applied, before: Applied | None) -> Document:
    was: Mapping[str, str] = before.rules if before is not None else {}
    return {
        "set_hash": one.hash,
        "applied_at": time(one.at),
        "applied_by": one.by,
        "rules": len(one.rules),
        "changes": list(_changes(was, one.rules)),
    }


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Document]:
    for rule in sorted({*before, *after}):
        if before.get(rule) != after.get(rule):
            how = "added" if rule not in before else "removed" if rule not in after else "changed"
            yield {"rule": rule, "change": how, "hash": after.get(rule)}


def resolve(conn: Connection, org: int, ref: str) -> str:
    """The whole hash behind the first digits of one, or behind `live`. Raises NotFound."""
    if ref != LIVE:
        return rulesets.set_called(conn, org, ref)
    live = identity.organization(conn, org).rule_set_hash
    if live is None or live == NO_RULES:
        raise NotFound("no rule set is live")
    return live


def diff(runtime: Runtime, conn: Connection, org: int, a: str, b: str) -> Document:
    """What differs from set A to set B, rule by rule, as text. Raises NotFound."""
    first, second = resolve(conn, org, a), resolve(conn, org, b)
    before = _texts(runtime, conn, org, first)
    after = _texts(runtime, conn, org, second)
    changed = [
        _difference(rule, before.get(rule), after.get(rule))
        for rule in sorted({*before, *after})
        if before.get(rule) != after.get(rule)
    ]
    return {"from": first, "to": second, "rules": changed}


def _difference(rule: str, before: _Text | None, after: _Text | None) -> Document:
    if before is None or after is None:
        how = "added" if before is None else "removed"
    else:
        # Names, tests and comments are in no hash.
        how = "reworded" if before[0] == after[0] else "changed"
    was, now = (side or ("", []) for side in (before, after))
    lines = unified_diff(
        was[1], now[1], f"{rule} {was[0][:12]}", f"{rule} {now[0][:12]}", lineterm=""
    )
    return {"rule": rule, "change": how, "diff": "\n".join(lines)}


def rollback(runtime: Runtime, org: int, ref: str, *, by: str) -> str:
    """Makes a set live again that was live before, if it still fits the lists; gives its hash.
    Raises NotFound, and `rules.Refused`."""
    with runtime.db.read() as conn:
        texts = rulesets.texts_of(conn, org, resolve(conn, org, ref))
    return rules.apply(runtime, org, texts, by=by)


def _texts(runtime: Runtime, conn: Connection, org: int, hash: str) -> dict[str, _Text]:
    """The hash and the lines of each rule of a set."""
    texts = rulesets.texts_of(conn, org, hash)
    return {
        rule.id: (rule_hash(rule), rule_lines(texts, rule))
        for rule in runtime.setups.rules_of(conn, org, hash)
    }


def rule_lines(texts: Mapping[str, str], rule: Rule) -> list[str]:
    """The rule's own part of its file."""
    return own_lines(texts.get(rule.path, ""), rule.line)


def own_lines(text: str, first: int) -> list[str]:
    """The lines of a YAML block that begins at line `first`: as far as it is indented."""
    lines = text.split("\n")[first - 1 :]
    if not lines:
        return []
    depth = _indent(lines[0])
    end = next(
        (n for n, line in enumerate(lines) if n and line.strip() and _indent(line) <= depth),
        len(lines),
    )
    return "\n".join(lines[:end]).rstrip().split("\n")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
