"""What of an organization its live rules no longer fit, in a sentence: by the codes of findings."""

from collections.abc import Mapping, Sequence

_WHAT = {
    "R109": "sources",
    "R110": "sources",
    "R113": "CRM",
    "R211": "settings",
    "R303": "verbs",
    "R305": "connections",
    "R311": "targets",
    "R316": "targets",
}
_TESTS = "R5"  # what fails of those follows from the others


def no_longer_fit(findings: Sequence[Mapping[str, object]]) -> str:
    """Of a live set's findings."""
    codes = [str(one["code"]) for one in findings]
    telling = [code for code in codes if not code.startswith(_TESTS)]
    named = list(dict.fromkeys(_WHAT.get(code, "lists") for code in telling))
    if not named:
        return "Tests of the live rules fail"
    *first, last = (f"the {what}" for what in named)
    told = f"{', '.join(first)} and {last}" if first else last
    return f"The live rules no longer fit {told}"
