"""Expressions that would run for ever, grow without end or mean nothing; as a program, it runs them
one after the other under a limit on memory and tells what became of each."""

import json
import resource
import sys
from collections.abc import Mapping

from rules.engine import RuleError
from rules.engine.expr import Program

MEMORY = 1 << 30  # of addresses: the interpreter and its libraries take a third of that
FACTS: Mapping[str, object] = {
    "item": {"name": "a" * 40, "n": list(range(60))},
    "event": {"body": {"l": [0] * 60}},
    "now": None,
}
_DEEP = 490

EXPRESSIONS: Mapping[str, str] = {
    "loops in loops": "".join(f"item.n.all({name}, " for name in "abcde") + "a >= 0" + ")" * 5,
    "a regex that goes back": "item.name.matches('(a+)+$')",
    "a regex of repeats": "item.name.matches('((a{1,100}){1,100}){1,100}')",
    "text doubled by map": "[item.name]" + ".map(x, x + x)" * 28 + " == []",
    "text doubled in text": " + ".join(["item.name"] * 80) + " == ''",
    "a list built in a loop": "item.n.filter(x, x > 0).size() > 0",
    "three thousand brackets": "(" * 3000 + "true" + ")" * 3000,
    "brackets within the length": "(" * _DEEP + "true" + ")" * _DEEP,
    "many a not": "!" * 2 * _DEEP + "true",
    "lists in lists": "[" * _DEEP + "]" * _DEEP + " == []",
    "choices in choices": "true ? " * 120 + "true" + " : false" * 120,
    "180 kB of text": "item.name == '" + "x" * 180_000 + "'",
    "more names than may be": f"[{','.join(f'item.a{n}' for n in range(70))}] == []",
    "a number too large": "9" * 900 + " > 1",
    "division by zero": "1 / 0 > 1",
    "an overflow": "9223372036854775807 + 1 > 0",
    "an ordering on null": "now > 1",
    "a string without an end": "item.name == 'abc",
    "nothing": " ",
    "a null byte": "item.name == 'a\x00'",
}


def outcome(text: str) -> str:
    """`refused: why`, or the value."""
    try:
        return repr(Program(text).run(FACTS))
    except RuleError as error:
        return f"refused: {error.message[:100]}"


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    Program("item.name == 'a'").run(FACTS)
    for name, text in EXPRESSIONS.items():
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = before.ru_utime
        told = outcome(text)
        after = resource.getrusage(resource.RUSAGE_SELF)
        seconds, grown = after.ru_utime - began, (after.ru_maxrss - before.ru_maxrss) / 1024
        line = {"name": name, "outcome": told, "seconds": seconds, "megabytes": grown}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
