"""R112: what an organization has named so that rules cannot tell it apart; told where a rule uses
it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rules.engine.model import Rule
from rules.engine.schemas import ITEM, ListSchema, Schemas
from rules.engine.talk import Talk

_ALWAYS_THERE = frozenset(one.slug for one in ITEM)


def check_lists(rule: Rule, schemas: Schemas, talk: Talk) -> None:
    told: set[str] = set()
    for title, place in _used(rule):
        known = [one for one in schemas.lists if one.title == title]
        if title in told or not known:
            continue
        told.add(title)
        if len(known) > 1:
            talk.say("R112", place, f"there are {len(known)} lists called '{title}'",
                     "rename one: rules know lists by their titles")  # fmt: skip
        for said, help in _clashes(known[0]):
            talk.say("R112", place, said, help)


def _used(rule: Rule) -> Iterator[tuple[str, str]]:
    """The titles a rule names, and where."""
    several = isinstance(rule.data.get("when"), list)
    for index, trigger in enumerate(rule.when):
        if trigger.list is not None:
            yield trigger.list, f"when[{index}].list" if several else "when.list"
    for step in (*rule.do, *rule.on_failure):
        title = step.params.get("list")
        if isinstance(title, str) and step.use.startswith("crm."):
            yield title, f"{step.place}.with.list"


def _clashes(known: ListSchema) -> Iterator[tuple[str, str]]:
    counted = Counter(one.slug for one in known.fields)
    for slug in sorted(slug for slug, count in counted.items() if count > 1):
        labels = " and ".join(f"'{one.label}'" for one in known.fields if one.slug == slug)
        yield (f"{labels} of list '{known.title}' are both '{slug}' in rules",
               "rename one of the fields")  # fmt: skip
    for one in known.fields:
        own = one.slug == "owner" and one.type == "user"  # the owner every item has is this field
        if one.slug in _ALWAYS_THERE and not own:
            yield (f"'{one.label}' of list '{known.title}' is 'item.{one.slug}' in rules, which "
                   f"every item has", "rename the field")  # fmt: skip
