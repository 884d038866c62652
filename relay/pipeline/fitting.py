"""A source's fields beside a list's: what its sender sends, what fits, what a delivery would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import InvalidInput
from relay.crm.embedded.desk import Desk
from relay.crm.model import List
from relay.mapping import parts_of
from relay.pipeline import arrange, senders
from relay.pipeline.crm_lists import lists_of
from relay.pipeline.preview import Preview, last_of, preview
from relay.pipeline.senders import Delivered, SenderField
from relay.runtime import Runtime
from relay.storage.sources import SourceRow
from relay.usual import proposed, usual_mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A source with what it sends and where that can go. `proposed` are the list's fields, by slug,
    for which a field of the sender fits and that the mapping does not fill yet."""

    source: SourceRow
    delivered: Sequence[Delivered]
    senders: Sequence[SenderField]
    lists: Sequence[List]
    into: List | None
    proposed: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, SenderField]:
        """The sender's fields by the expressions that read them."""
        return {one.expression: one for one in self.senders}


def fitting(
    runtime: Runtime,
    conn: Connection,
    org: int,
    ref: str,
    *,
    part: Mapping[str, Any] | None = None,
    into: str | None = None,
) -> Fitting:
    """For one part of the source's mapping, the first one unless another is given. Raises NotFound,
    and InvalidInput for a list that is not there."""
    source = arrange.source_called(runtime, conn, org, ref)
    known = lists_of(runtime, conn, org)
    mapping = part if part is not None else first_part(source)
    # A mapping may name a list that is gone; that must not keep anybody from mending it.
    own = str(mapping.get("list") or "")
    chosen = known.called(into) if into else known.by_title.get(own) or known.by_id.get(own)
    delivered = senders.told(runtime, conn, source)
    about = [one for one in delivered if mapping.get("event", "*") in ("*", one.parsed.type)]
    fields = senders.fields_of(about) or senders.facts_of_type(str(mapping.get("event", "*")))
    fits: dict[str, str] = {}
    if chosen is not None:
        sent = Desk(conn=conn, org=org, now_ms=0).sent(mapped=True)
        filled = mapping.get("fields", {})
        fits = {slug: text for slug, text in proposed(chosen, fields, sent).items()
                if slug not in filled}  # fmt: skip
    return Fitting(source=source, delivered=delivered, senders=fields, lists=known.lists,
                   into=chosen, proposed=fits)  # fmt: skip


def first_part(source: SourceRow) -> Mapping[str, Any]:
    """The part of the mapping that a page opens with; {} where there is no mapping."""
    return next(parts_of(source.mapping), {}) if source.mapping else {}


def previewed(
    runtime: Runtime,
    org: int,
    ref: str,
    *,
    mapping: Mapping[str, Any] | None = None,
    event: str | None = None,
) -> Preview:
    """What a delivery, the last one unless another is named, would do under a mapping, the source's
    own unless another is given. Raises NotFound or InvalidInput."""
    with runtime.db.read() as conn:
        source = arrange.source_called(runtime, conn, org, ref)
        delivered = senders.told(runtime, conn, source)
    wanted = mapping if mapping is not None else source.mapping
    if wanted is None:
        raise InvalidInput(f"{source.name} has no mapping: the rules alone decide")
    types = {str(part.get("event", "*")) for part in parts_of(wanted)}
    about = [one for one in delivered if "*" in types or one.parsed.type in types]
    return preview(runtime, source, wanted, last_of(about or delivered, event))


def adjusted(
    part: Mapping[str, Any],
    settings: Mapping[str, str | None],
    fields: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """The part with other settings and fields; None leaves a setting as it is, a field that becomes
    None is taken away, and another list begins with no fields."""
    changed = {name: value for name, value in settings.items() if value is not None}
    kept = dict(part.get("fields", {}))
    if "list" in changed and changed["list"] != part.get("list"):
        kept, part = {}, {key: value for key, value in part.items() if key != "new"}
    kept |= fields or {}
    kept = {slug: value for slug, value in kept.items() if value is not None}
    result: dict[str, Any] = {**part, **changed}
    if result.get("list"):
        result["fields"] = kept
    else:
        result.pop("list", None)
        result.pop("fields", None)
    return result


def usual(
    runtime: Runtime, conn: Connection, org: int, source: SourceRow, into: str | None = None
) -> dict[str, Any] | None:
    """The mapping that is right for most, with what fits the sender's fields besides."""
    kind = arrange.source_type(runtime, source.type)
    known = lists_of(runtime, conn, org)
    chosen = known.called(into) if into else None
    mapping = usual_mapping(kind, known.lists, chosen)
    if mapping is None or "number" in mapping or "list" not in mapping:
        return mapping
    found = fitting(runtime, conn, org, source.name, part=mapping)
    return {**mapping, "fields": {**found.proposed, **mapping["fields"]}}
