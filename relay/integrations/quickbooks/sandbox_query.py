"""The sandbox's share of QuickBooks' query language (developer.intuit.com, "Query operations and
syntax"): one entity, all its fields, AND alone, positions that begin at 1."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from relay.core.facts import a_map, a_text, at_path
from relay.integrations.quickbooks.sandbox_rules import Refusal

MOST = 1000

_SALE = frozenset({"Id", "DocNumber", "TxnDate", "CustomerRef", "MetaData.CreateTime"})
# What can be asked for; PrivateNote is not among it.
FIELDS: Mapping[str, frozenset[str]] = {
    "Customer": frozenset({"Id", "DisplayName", "CompanyName", "PrimaryEmailAddr", "Active"}),
    "Item": frozenset({"Id", "Name", "Sku", "Type", "Active"}),
    "Invoice": _SALE,
    "SalesReceipt": _SALE,
    "Estimate": _SALE,
    "Payment": _SALE - {"DocNumber"},
}

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<word>[A-Za-z][\w.]*|\d+)|(?P<sign><=|>=|[=<>(),*%]))"
)
# Refused in the field as a lexical error.
_CURLY = re.compile("[\u2013\u2014\u2018\u2019\u201c\u201d]")
_ESCAPED = re.compile(r"\\(.)")

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of a `where`; every value is text."""

    field: str
    operator: str
    values: Sequence[str]

    def holds(self, document: Document) -> bool:
        return _OPERATORS[self.operator](_plain(at_path(document, self.field)), self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A statement, read."""

    entity: str
    count: bool
    where: Sequence[Condition]
    start: int = 1
    limit: int = 100

    def rows(self, documents: Sequence[Document]) -> Sequence[Document]:
        """The matching documents; inactive ones only where `Active` is asked for."""
        asked = any(each.field == "Active" for each in self.where)
        matching = [
            each
            for each in documents
            if (asked or each.get("Active") is not False)
            and all(condition.holds(each) for condition in self.where)
        ]
        return matching if self.count else matching[self.start - 1 : self.start - 1 + self.limit]


def read(statement: str) -> Query:
    """The statement. Raises Refusal 4000 for what cannot be read, 4001 for what cannot be asked."""
    if match := _CURLY.search(statement):
        raise _unreadable(f'Lexical error. Encountered: "\\u{ord(match[0]):04x}"')
    return _Reader(_tokens(statement)).query()


def _tokens(statement: str) -> list[str]:
    tokens, place = [], 0
    whole = statement.rstrip()
    while place < len(whole):
        match = _TOKEN.match(whole, place)
        if match is None:
            raise _unreadable(f"Encountered {whole[place : place + 20]!r}")
        tokens.append(match[0].strip())
        place = match.end()
    return tokens


class _Reader:
    """Walks over a statement's tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens

    def query(self) -> Query:
        self._expect("select")
        count = self._selected()
        self._expect("from")
        entity = self._entity(self._take())
        where = self._where(entity) if self._skip("where") else []
        start = self._number() if self._skip("startposition") else 1
        limit = self._number() if self._skip("maxresults") else 100
        if self._tokens:
            raise _unreadable(f"Encountered {self._tokens[0]!r}")
        if start < 1 or not 1 <= limit <= MOST:
            raise _invalid("startposition counts from 1, maxresults up to 1000")
        return Query(entity=entity, count=count, where=where, start=start, limit=limit)

    def _selected(self) -> bool:
        if self._skip("count"):
            for sign in ("(", "*", ")"):
                self._expect(sign)
            return True
        self._expect("*")
        return False

    def _entity(self, word: str) -> str:
        entity = next((name for name in FIELDS if name.lower() == word.lower()), None)
        if entity is None:
            raise _invalid(f"there is no entity {word}")
        return entity

    def _where(self, entity: str) -> list[Condition]:
        conditions = [self._condition(entity)]
        while self._skip("and"):
            conditions.append(self._condition(entity))
        return conditions

    def _condition(self, entity: str) -> Condition:
        field = self._take()
        if field not in FIELDS[entity]:
            raise _invalid(f"Property {field} not found for Entity {entity}")
        operator = self._take().lower()
        if operator not in _OPERATORS:
            raise _unreadable(f"Encountered {operator!r}")
        return Condition(field, operator, self._values(listed=operator == "in"))

    def _values(self, *, listed: bool) -> list[str]:
        if not listed:
            return [_value(self._take())]
        self._expect("(")
        values = [_value(self._take())]
        while self._skip(","):
            values.append(_value(self._take()))
        self._expect(")")
        return values

    def _number(self) -> int:
        word = self._take()
        if not word.isdigit():
            raise _unreadable(f"Encountered {word!r}")
        return int(word[:9])

    def _take(self) -> str:
        if not self._tokens:
            raise _unreadable("Encountered <EOF>")
        return self._tokens.pop(0)

    def _skip(self, word: str) -> bool:
        if self._tokens and self._tokens[0].lower() == word:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._skip(word):
            found = self._tokens[0] if self._tokens else "<EOF>"
            raise _unreadable(f"Encountered {found!r}, was expecting {word!r}")


def _value(token: str) -> str:
    if token.startswith("'"):
        return _ESCAPED.sub(r"\1", token[1:-1])
    if token.lower() in ("true", "false"):
        return token.lower()
    raise _unreadable(f"Encountered {token!r}: a value stands in quotes")


def _plain(value: object) -> str:
    """A document's value as it is compared: an address by its text, a reference by its id."""
    if isinstance(value, bool):
        return "true" if value else "false"
    inner = a_map(value)
    return a_text(inner.get("Address") or inner.get("value") if inner else value) or ""


def _like(given: str, values: Sequence[str]) -> bool:
    pattern = ".*".join(re.escape(part) for part in values[0].split("%"))
    return re.fullmatch(pattern, given, re.IGNORECASE | re.DOTALL) is not None


_OPERATORS: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "=": lambda given, values: given == values[0],
    "<": lambda given, values: given < values[0],
    ">": lambda given, values: given > values[0],
    "<=": lambda given, values: given <= values[0],
    ">=": lambda given, values: given >= values[0],
    "in": lambda given, values: given in values,
    "like": _like,
}


def _unreadable(detail: str) -> Refusal:
    return Refusal("4000", "Error parsing query", f"QueryParserError: {detail}")


def _invalid(detail: str) -> Refusal:
    return Refusal("4001", "Invalid query", f"QueryValidationError: {detail}")
