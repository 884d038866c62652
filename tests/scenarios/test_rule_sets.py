"""Which rules are live, and under which name."""

from relay.pipeline import rules
from tests.scenarios.house import RULES, House


def test_a_rule_that_was_only_renamed_is_shown_under_its_new_name(house: House) -> None:
    texts = rules.texts_in(RULES)
    renamed = {
        path: text.replace("Book a won deal", "Bill a won deal") for path, text in texts.items()
    }
    assert renamed != texts
    before = rules.apply(house.runtime, house.made.org, texts, by="a person")
    after = rules.apply(house.runtime, house.made.org, renamed, by="a person")
    assert after == before
    with house.runtime.db.read() as conn:
        live = house.runtime.setups.of(conn, house.made.org).rules.by_id["deal-won-receipt"]
    assert live.name.startswith("Bill a won deal")
