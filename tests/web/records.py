"""What an organization has after an afternoon's work, written as workers and people write it."""

import json
from dataclasses import dataclass
from datetime import timedelta

from relay.core.ids import public
from relay.crm.embedded import grid
from relay.pipeline import rules, subscribe
from relay.storage import connections, identity, sources
from tests.web.house import NOW, House

RULE = """\
version: 1
rules:
  - id: deal-won
    name: Book a won deal
    when: { changed: status, list: Deals, to: Deal Won }
    if: item.amount != null && item.amount > 0
    do:
      - id: receipt
        use: quickbooks.sales_receipt
        with:
          customer: "${account.name}"
          lines: [{ item: Services, amount: "${item.amount}" }]
      - use: crm.update_item
        with: { fields: { receipt_no: "${steps.receipt.output.number}" } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The ids of what was written, as addresses name them. `word` stands in all of it."""

    word: str
    list: str
    item: str
    account: str
    event: str
    run: str
    source: str
    hook: str
    connection: int
    key: str
    secret: str


def fill(house: House, name: str, word: str) -> Records:
    """A delivery that set off a run which booked a deal at the second try; the word in its body,
    its reason, its answer and its names."""
    org, runtime = house.orgs[name], house.runtime
    with runtime.db.write() as conn:
        connection = connections.create_connection(
            conn, runtime.vault, org, provider="quickbooks", name="quickbooks", base_url="",
            credentials={}, settings={"realm_id": word}, sandbox=True, at=NOW,
        )  # fmt: skip
        source = sources.create_source(
            conn, runtime.vault, org, type="webform", name="website", secret=None, at=NOW,
            mapping={"list": "Leads", "fields": {"account_name": word}},
        )  # fmt: skip
        key, secret = identity.create_key(conn, org, name=f"key {word}", by="test", at=NOW)
        deals = next(one for one in grid.lists(conn, org) if one.title == "Deals")
        row = grid.page(conn, org, deals.id, grid.View(name="Northwind")).rows[0]
    rules.apply(runtime, org, {"rules/deals.yaml": RULE}, by=f"owner@{name}.example")
    new = subscribe.NewHook(url=f"https://{word}.example/in", event="list_item.updated")
    made = subscribe.subscribe(runtime, org, new, by=word)
    hook = public("hook", made.hook.id)
    event = _event(house, org, source.id, word)
    run = _run(house, org, event, row.item.id, word)
    house.put(
        "bookings", org_id=org, connection_id=connection, verb="sales_receipt",
        item_id=row.item.id, label="sale", number=f"CRM-{org}", state="booked", run_id=run,
        external_id="145", external_number=f"No {word}", url="https://books.example/145",
        amount="1250.00", currency="USD", created_at=NOW, booked_at=NOW,
    )  # fmt: skip
    house.put(
        "dead", kind=1, id=event, org_id=org, at=NOW, place="parse", reason=f"dead {word}",
        attempts=3,
    )  # fmt: skip
    return Records(
        word=word, list=deals.id, item=row.item.id, account=row.account.id if row.account else "",
        event=public("evt", event),
        run=public("run", run), source="website", hook=hook, connection=connection, key=key,
        secret=secret,
    )  # fmt: skip


def _event(house: House, org: int, source: int, word: str) -> int:
    event = house.put(
        "events", org_id=org, kind="delivery", source_id=source, state="accepted", received_at=NOW
    )
    house.put(
        "payloads", event_id=event, headers=json.dumps({"x-sender": word}),
        body=f'{{"name": {json.dumps(word)}, "paid": 200.10}}'.encode(),
    )  # fmt: skip
    house.put(
        "event_outcomes", event_id=event, org_id=org, state="routed", type="form.submitted",
        about=f"{word}@example.com", at=NOW + timedelta(milliseconds=4),
    )  # fmt: skip
    house.put(
        "facts", event_id=event, type="form.submitted", data={"name": word}, body={"name": [word]}
    )
    return event


def _run(house: House, org: int, event: int, item: str, word: str) -> int:
    with house.runtime.db.read() as conn:
        setup = house.runtime.setups.of(conn, org)
    rule = setup.rules.by_id["deal-won"]
    run = house.put(
        "runs", org_id=org, event_id=event, rule_id=rule.id, rule_hash=rule.hash,
        set_hash=setup.set_hash, state="succeeded", about=f"Northwind {word}", item_id=item,
        clauses=[{"text": "item.amount != null", "held": True, "error": None,
                  "values": {"item.amount": word}}],
        created_at=NOW, ended_at=NOW + timedelta(seconds=34),
    )  # fmt: skip
    house.put(
        "steps", run_id=run, n=0, step_id="receipt", use="quickbooks.sales_receipt",
        state="succeeded", input={"customer": word}, output={"number": f"No {word}"},
        key="k7q2m4xz", attempts=2, started_at=NOW, ended_at=NOW + timedelta(seconds=33),
    )  # fmt: skip
    sent = {
        "at": NOW, "took_ms": 1300.0, "method": "POST", "url": "https://books.example/receipt",
        "request_headers": {"accept": "application/json"}, "request_body": json.dumps({"a": word}),
        "status": 200, "response_headers": {}, "response_body": json.dumps({"b": word}),
        "error": None, "purpose": f"books {word}",
    }  # fmt: skip
    tries = (("unknown", f"no answer {word}", []), ("succeeded", None, [sent]))
    for attempt, (outcome, message, exchanges) in enumerate(tries, 1):
        house.put(
            "attempts", org_id=org, run_id=run, n=0, attempt=attempt,
            at=NOW + timedelta(seconds=32 * (attempt - 1)), took_ms=1300.0, outcome=outcome,
            message=message, exchanges=exchanges,
        )  # fmt: skip
    return run
