"""Rule sets: texts kept by hash for ever, and the pointer to the one that is live."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from relay.core.errors import InvalidInput, NotFound
from relay.storage.identity import touch_config
from relay.storage.tables.identity import organizations
from relay.storage.tables.setup import rule_applies, rule_findings, rule_sets, rule_states

REFUSED, LIVE = "refused", "live"  # what findings are about
Kept = Mapping[str, object]  # a finding, with the line that it is about


def apply_set(
    conn: Connection,
    org: int,
    hash: str,
    texts: Mapping[str, str],
    packed: str,
    rules: Mapping[str, str],
    *,
    by: str,
    at: datetime,
) -> None:
    """Keeps the set and makes it the live one. `packed` is what `rules.engine.pack` made of it,
    `rules` has the hash of each."""
    kept = {"texts": dict(texts), "packed": packed, "rule_hashes": dict(rules), "applied_at": at,
            "applied_by": by}  # fmt: skip
    if not knows_set(conn, org, hash):
        conn.execute(insert(rule_sets).values(org_id=org, hash=hash, **kept))
    else:
        # Names, owners' comments and tests are in no hash: the same set, told in newer words.
        conn.execute(
            update(rule_sets)
            .where(rule_sets.c.org_id == org, rule_sets.c.hash == hash)
            .values(**kept)
        )
    conn.execute(insert(rule_applies).values(org_id=org, hash=hash, at=at, by=by))
    conn.execute(update(organizations).where(organizations.c.id == org).values(rule_set_hash=hash))
    conn.execute(delete(rule_findings).where(rule_findings.c.org_id == org))
    touch_config(conn, org)


def note_findings(
    conn: Connection, org: int, about: str, findings: Sequence[Kept], at: datetime
) -> None:
    """Writes down what is wrong, with the last apply or with the live set; nothing: it is mended.
    The live set goes on."""
    mine = (rule_findings.c.org_id == org, rule_findings.c.about == about)
    conn.execute(delete(rule_findings).where(*mine))
    if findings:
        row = {"org_id": org, "about": about, "findings": list(findings), "at": at}
        conn.execute(insert(rule_findings).values(**row))


def texts_of(conn: Connection, org: int, hash: str) -> dict[str, str]:
    """A set's files, text by path. Raises NotFound."""
    row = conn.execute(
        select(rule_sets.c.texts).where(rule_sets.c.org_id == org, rule_sets.c.hash == hash)
    ).first()
    if row is None:
        raise NotFound(f"there is no rule set {hash} here")
    found: dict[str, str] = row.texts
    return found


def packed_of(conn: Connection, org: int, hash: str) -> str:
    """A set's rules as they were packed. Raises NotFound."""
    found = conn.execute(
        select(rule_sets.c.packed).where(rule_sets.c.org_id == org, rule_sets.c.hash == hash)
    ).scalar()
    if found is None:
        raise NotFound(f"there is no rule set {hash} here")
    return str(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A time a set went live; `rules` has the hash of each of its rules."""

    hash: str
    at: datetime
    by: str
    rules: Mapping[str, str]


def applies(conn: Connection, org: int, limit: int) -> list[Applied]:
    """The last times a set went live, newest first."""
    found = (
        select(rule_applies.c.hash, rule_applies.c.at, rule_applies.c.by, rule_sets.c.rule_hashes)
        .join(
            rule_sets,
            (rule_sets.c.org_id == rule_applies.c.org_id)
            & (rule_sets.c.hash == rule_applies.c.hash),
        )
        .where(rule_applies.c.org_id == org)
        .order_by(rule_applies.c.id.desc())
        .limit(limit)
    )
    return [
        Applied(hash=row.hash, at=row.at, by=row.by, rules=row.rule_hashes)
        for row in conn.execute(found)
    ]


def set_called(conn: Connection, org: int, beginning: str) -> str:
    """The hash that begins so. Raises NotFound, or InvalidInput where several do."""
    query = select(rule_sets.c.hash).where(
        rule_sets.c.org_id == org, rule_sets.c.hash.startswith(beginning, autoescape=True)
    )
    found = list(conn.execute(query.limit(2)).scalars())
    if not found or not beginning:
        raise NotFound(f"there is no rule set {beginning!r} here: relay rules history lists them")
    if len(found) > 1:
        raise InvalidInput(f"several rule sets begin with {beginning!r}: give more of its hash")
    return str(found[0])


def knows_set(conn: Connection, org: int, hash: str) -> bool:
    """Whether the organization has had that set, now or before."""
    known = select(rule_sets.c.hash).where(rule_sets.c.org_id == org, rule_sets.c.hash == hash)
    return conn.execute(known).first() is not None


def paused_rules(conn: Connection, org: int) -> set[str]:
    """The rules a person has paused."""
    rows = conn.execute(
        select(rule_states.c.rule_id).where(
            rule_states.c.org_id == org, rule_states.c.paused.is_(True)
        )
    )
    return {row.rule_id for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`refused`: why the last apply was. `live`: what of the live set no longer fits."""

    refused: Sequence[Kept] = ()
    live: Sequence[Kept] = ()

    @property
    def all(self) -> list[Kept]:
        return [*self.live, *self.refused]


def findings_of(conn: Connection, org: int) -> Findings:
    """What is wrong with an organization's rules."""
    query = select(rule_findings.c.about, rule_findings.c.findings)
    rows = conn.execute(query.where(rule_findings.c.org_id == org))
    return Findings(**{row.about: row.findings for row in rows})
