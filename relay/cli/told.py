"""Stories as text for a terminal. They are read from the documents of `relay.pipeline.explain`, so
that a remote Relay's are told in the same words."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.text import Text

from relay.cli.invocation import safe
from relay.cli.listing import state as state_of

Story = Mapping[str, Any]
_BODY_LINES = 40
_COLUMN = 11
_SHORT = 90  # characters of JSON that fit one line


def event(story: Story) -> Text:
    """What arrived, how it was checked, what it became, which rules looked at it."""
    page = _Page()
    page.title(story["id"], story, f"{story['kind']} · {story.get('type') or 'not read yet'}")
    page.line("about", story.get("about"))
    page.line("received", story.get("received_at"))
    page.line("part of", story.get("parent_id") if story["kind"] == "completion" else None)
    page.line("gave up", story.get("gave_up"))
    _arrived(page, story)
    _change(page, story.get("change"))
    facts = story.get("facts") or {}
    page.block("it became", {k: v for k, v in (facts.get("data") or {}).items() if v is not None})
    _rules(page, story)
    for one in story["runs"]:
        page.gap()
        _run(page, one)
    _led_to(page, story["led_to"])
    return page.text


def run(story: Story) -> Text:
    """The condition, and each step."""
    page = _Page()
    _run(page, story)
    for one in story.get("beside") or ():
        page.gap()
        page.say(f"beside it: {one['id']} {one['rule']} {one['state']}")
    return page.text


def delivery(story: Story) -> Text:
    """What was sent, and each answer."""
    page = _Page()
    page.title(story["id"], story, f"{story['type']} to {story.get('target') or story['url']}")
    page.line("address", story["url"])
    page.line("message", story["message_id"])
    page.line("event", story.get("event_id"))
    page.line("run", story.get("run_id"))
    page.line("next try", story.get("next_at"))
    page.body("sent", story["body"])
    for one in story["attempts"]:
        answer = one["status"] if one["status"] is not None else "no answer"
        page.line(f"try {one['attempt']}", f"{answer} in {one['took_ms']:g} ms · {one['at']}")
        page.line("", one.get("error"))
        page.body("answer", one.get("response_body"))
    return page.text


def _arrived(page: "_Page", story: Story) -> None:
    arrived, checked = story.get("arrived"), story.get("checked") or {}
    if arrived is None:
        return
    page.heading("Arrived")
    page.line("source", story.get("source"))
    page.line("request", f"{arrived['method']} {arrived['url']}")
    page.line("type", arrived["headers"].get("content-type"))
    page.body("body", arrived["body"])
    page.line("checked", checked.get("proof"))
    page.line("key", checked.get("key") or "none: it can be nobody's duplicate")
    page.line("first", checked.get("first"))


def _change(page: "_Page", change: Story | None) -> None:
    if change is None:
        return
    page.heading("Changed")
    if "created" in change:
        page.line("what", f"a new {change['created']}")
    elif change.get("field") is None:
        page.line("what", change.get("about"))
    else:
        before, after = _value(change.get("from")), _value(change.get("to"))
        page.line("what", f"{change.get('field')}: {before} → {after}")
    page.line("list", change.get("list"))
    page.line("item", change.get("item_id"))
    by = change["by"]
    page.line("by", " ".join(str(by[name]) for name in ("kind", "name", "run_id") if by.get(name)))


def _rules(page: "_Page", story: Story) -> None:
    rules = story["rules"]
    page.heading("Rules")
    if rules.get("note"):
        page.say(rules["note"])
        return
    for one in story["runs"]:
        page.mark("fired", one, f"{one['rule']}: {one.get('trigger') or ''}")
    for one in rules["not_fired"]:
        page.say(f"not fired  {one['rule']}: {one['why']}")
    if rules["others"]:
        page.say(f"{rules['others']} more look at other things")


def _led_to(page: "_Page", children: Sequence[Story]) -> None:
    if not children:
        return
    page.heading("Led to")
    for child in children:
        what = " · ".join(str(child[n]) for n in ("kind", "type", "about") if child.get(n))
        page.mark(child["id"], child, what)


def _run(page: "_Page", story: Story) -> None:
    page.title(story["id"], story, story["rule"])
    page.line("why", story.get("reason"))
    page.line("event", story["event_id"])
    page.line("trigger", story.get("trigger"))
    page.line("version", f"{str(story['rule_hash'])[:12]} of set {str(story['set_hash'])[:12]}")
    page.line("waits for", story.get("held_by"))
    page.line("next try", story.get("next_at"))
    for clause in story.get("clauses") or ():
        held = {True: "held", False: "did not hold"}.get(clause.get("held"), "could not be told")
        read = ", ".join(f"{k} = {_value(v)}" for k, v in (clause.get("values") or {}).items())
        page.line("if", f"{clause['text']}: {held}{f' ({read})' if read else ''}")
        page.line("", clause.get("error"))
    for number, step in enumerate(story["steps"], start=1):
        _step(page, number, step)
    for step in story.get("not_reached") or ():
        page.say(f"   not run  {step['id']} · {step['use']}")


def _step(page: "_Page", number: int, step: Story) -> None:
    place = f" ({step['place']})" if step.get("place") else ""
    after = " after the failure" if step["on_failure"] else ""
    page.mark(f"{number}. {step['id']}", step, f"{step['use']}{after}{place}")
    page.line("error", step.get("error"), deep=True)
    page.block("with", step.get("with"), deep=True)
    for slug, pair in (step.get("changes") or {}).items():
        change = f"{slug}: {_value(pair['from'])} → {_value(pair['to'])}"
        page.line("changed", change, deep=True)
    page.block("gave", step.get("output"), deep=True)
    page.line("key", step.get("key"), deep=True)
    for one in step["attempts"]:
        page.line(f"try {one['attempt']}", f"{one['outcome']} · {one['at']}", deep=True)
        page.line("", one.get("message"), deep=True)
        for exchange in one["exchanges"]:
            _exchange(page, exchange)
    if step.get("delivery"):
        sent = step["delivery"]
        page.line("delivery", f"{sent['id']} {sent['state']} → {sent['url']}", deep=True)


def _exchange(page: "_Page", exchange: Story) -> None:
    answer = exchange.get("status") if exchange.get("status") is not None else "no answer"
    took = f"{float(exchange.get('took_ms') or 0):.0f} ms"
    request = f"{exchange.get('method')} {exchange.get('url')}"
    page.line("request", f"{request} → {answer} in {took}", deep=True)
    page.line("", exchange.get("purpose"), deep=True)
    page.line("", exchange.get("error"), deep=True)
    page.body("sent", exchange.get("request_body"), deep=True)
    page.body("answer", exchange.get("response_body"), deep=True)


def _value(value: object) -> str:
    if value is None or value == "":
        return "empty"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


class _Page:
    """A page that grows downwards: names in one column, values in the next."""

    def __init__(self) -> None:
        self.text = Text()

    def title(self, id: object, story: Story, what: object) -> None:
        self._put(str(id), "bold")
        self.text.append("  ").append_text(state_of(story))
        self._put(f"  {what}\n")

    def mark(self, name: str, story: Story, what: str) -> None:
        self._put(f"   {name:<{_COLUMN}}")
        self.text.append_text(state_of(story))
        self._put(f"  {what}\n")

    def heading(self, text: str) -> None:
        self._put(f"\n{text}\n", "bold")

    def gap(self) -> None:
        self._put("\n")

    def say(self, text: str) -> None:
        self._put(f"   {text}\n")

    def line(self, name: str, value: object, *, deep: bool = False) -> None:
        """Nothing for a value that is not there."""
        if value is None or value == "":
            return
        self._put(f"{self._indent(deep)}{name:<{_COLUMN}}", "dim")
        self._put(f"{value}\n")

    def block(self, name: str, value: object, *, deep: bool = False) -> None:
        """A value as JSON; nothing for an empty one."""
        if value:
            text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
            short = orjson.dumps(value).decode()
            self.body(name, short if len(short) <= _SHORT else text, deep=deep)

    def body(self, name: str, text: object, *, deep: bool = False) -> None:
        """Text of several lines, cut."""
        if not text:
            return
        lines = str(text).replace("\r\n", "\n").splitlines()
        shown = lines[:_BODY_LINES] + (["…"] if len(lines) > _BODY_LINES else [])
        margin = " " * (len(self._indent(deep)) + _COLUMN)
        inner = textwrap.indent("\n".join(shown), margin)
        self._put(f"{self._indent(deep)}{name:<{_COLUMN}}", "dim")
        self._put(f"{inner[len(margin) :]}\n")

    @staticmethod
    def _indent(deep: bool) -> str:
        return " " * (6 if deep else 3)

    def _put(self, text: str, style: str = "") -> None:
        self.text.append(safe(text), style=style)
