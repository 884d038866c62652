"""A sandbox's documents in memory: what `Books` promises, without a database."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.core import exact_json


@dataclass(slots=True)
class MemoryBooks:
    """Keeps documents by kind and id, in the order they were first put."""

    kinds: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    def get(self, kind: str, id: str) -> dict[str, object] | None:
        return copy.deepcopy(self.kinds.get(kind, {}).get(id))

    def find(self, kind: str, **equals: object) -> list[dict[str, object]]:
        return [
            document
            for document in self.all(kind)
            if all(name in document and document[name] == value for name, value in equals.items())
        ]

    def put(self, kind: str, id: str, document: Mapping[str, object]) -> None:
        exact_json.dumps(document)  # what is not JSON could not be stored
        self.kinds.setdefault(kind, {})[id] = copy.deepcopy(dict(document))

    def all(self, kind: str) -> list[dict[str, object]]:
        return copy.deepcopy(list(self.kinds.get(kind, {}).values()))

    def next_id(self, kind: str) -> int:
        self.counters[kind] = self.counters.get(kind, 0) + 1
        return self.counters[kind]
