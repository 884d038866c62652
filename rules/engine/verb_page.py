"""The verbs as a page for people: what each takes and gives, as its schema says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from rules.engine.model import Verb

_HEAD = """\
# Verbs

What a step can `use`, and what each takes in its `with`. A value may be written as it is, or as
`${…}`. A *reference* is an id, such as `${steps.person.output.id}`; a *map* is named values,
`{ a: 1 }`. What a verb gives is read by later steps as `${steps.<id>.output.<name>}`.

Written by `relay rules schema --verbs`.
"""
_GROUPS = {"crm": "The CRM", "webhook": "Outside", "emit": "Outside", "stop": "Ending a run"}


def page(verbs: Mapping[str, Verb]) -> str:
    """Our own verbs first, then the connectors'."""
    ordered = sorted(verbs.values(), key=lambda verb: (_provider(verb) not in _GROUPS, verb.name))
    parts = [_HEAD]
    for group, members in groupby(ordered, key=_group):
        parts += [f"## {group}\n", *map(_section, members)]
    return "\n".join(parts)


def _provider(verb: Verb) -> str:
    return verb.name.split(".")[0]


def _group(verb: Verb) -> str:
    return _GROUPS.get(_provider(verb), _provider(verb))


def _section(verb: Verb) -> str:
    return "\n".join(_lines(verb))


def _lines(verb: Verb) -> Iterator[str]:
    yield f"### {verb.name}\n"
    if verb.help:
        yield f"{verb.help}\n"
    yield "| with | is | |\n|---|---|---|"
    for param in verb.params:
        must = ", needed" if param.required else ""
        yield f"| `{param.name}` | {param.type}{must} | {param.help} |"
    yield ""
    for group in verb.one_of:
        yield f"One of {', '.join(f'`{name}`' for name in group)} is needed.\n"
    if verb.output:
        yield f"Gives {', '.join(f'`{name}`' for name in verb.output)}.\n"
