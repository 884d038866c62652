"""The dashboard's routes, read from the application itself, so that a new one is tested too."""

from dataclasses import dataclass

from flask import Flask
from werkzeug.routing import Rule

from tests.web.records import Records

OPEN = frozenset({"sign_in", "static_file"})


@dataclass(frozen=True, slots=True)
class Route:
    """One way into the dashboard."""

    method: str
    rule: Rule

    @property
    def name(self) -> str:
        return self.rule.endpoint.removeprefix("dashboard.")

    @property
    def is_of_a_thing(self) -> bool:
        """Whether its address names something that belongs to somebody."""
        return bool(self.rule.arguments)

    def path(self, records: Records) -> str:
        """The address with the ids of these records."""
        known: dict[str, str] = {
            "item": records.item,
            "slug": "status",
            "key": records.key,
            "name": records.source,
            "provider": "quickbooks",
            "hook": records.hook,
            "document": "145",
            "field": "status",
            "option": "Lead",
            "id": self._id(records),
        }
        path = self.rule.rule
        for argument in self.rule.arguments:
            converter = "int:" if f"<int:{argument}>" in path else ""
            path = path.replace(f"<{converter}{argument}>", known[argument])
        return path

    def _id(self, records: Records) -> str:
        things = {
            "/events": records.event,
            "/runs": records.run,
            "/rules": "deal-won",
            "/lists": records.list,
            "/accounts": records.account,
            "/connections": str(records.connection),
        }
        return next((id for start, id in things.items() if self.rule.rule.startswith(start)), "1")


def routes(app: Flask, method: str) -> list[Route]:
    """Every route of the dashboard with this method."""
    return [
        Route(method, rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.") and method in (rule.methods or ())
    ]
