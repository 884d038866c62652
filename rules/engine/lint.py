"""Rules against what the organization has: every finding, with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rules.engine.lint_actions import check_steps
from rules.engine.lint_cases import check_cases
from rules.engine.lint_expressions import check_condition
from rules.engine.lint_lists import check_lists
from rules.engine.lint_set import check_set
from rules.engine.lint_tests import check_tests
from rules.engine.lint_triggers import check_triggers
from rules.engine.model import Rule, Verb
from rules.engine.schemas import Schemas
from rules.engine.scope import scope_of
from rules.engine.talk import Place, Talk


def check_rules(
    told: Sequence[tuple[Rule, Talk]], verbs: Mapping[str, Verb], schemas: Schemas | None
) -> None:
    """All checks beyond the grammar; findings go to each rule's talk."""
    for rule, talk in told:
        if schemas is not None:
            check_lists(rule, schemas, talk)
            check_triggers(rule, schemas, talk)
            check_cases(rule, schemas, talk)
        if rule.condition is not None:
            check_condition(rule.condition, scope_of(rule, schemas), Place(talk, "if"))
        check_steps(rule, verbs, schemas, talk)
        check_tests(rule, talk)
    check_set(told)
