"""W1 to W4: every sender's own samples come in over HTTP: taken once, read, and carried to the CRM
by the mapping that a new source gets by itself."""

from dataclasses import replace

import httpx
from sqlalchemy import select

from relay.core.event import FACTS
from relay.integration import Integration, Source
from relay.integrations import INTEGRATIONS
from relay.pipeline import arrange
from relay.samples import Sample, placed, samples, signed
from relay.storage.sources import SourceRow
from relay.storage.tables.runs import runs
from relay.usual import PERSON_EVENTS
from tests.scenarios.house import House

SECRET = "5f4dcc3b5aa765d61d8327deb882cf99"
# What a sender needs more than an empty 200 (docs: each provider's README.md).
ANSWERS = {"webform", "webhook"}
BODIES = {*ANSWERS, "zuora"}


def cases() -> list[tuple[Integration, Source, Sample]]:
    found = ((one, one.source) for one in INTEGRATIONS.values())
    return [(one, source, sample) for one, source in found if source for sample in samples(one)]


def source_of(house: House, integration: Integration, sample: Sample) -> SourceRow:
    new = arrange.NewSource(
        type=integration.name,
        name=f"{integration.name} {sample.name}",
        secret=SECRET,
        options=sample.options,
    )
    row, _ = arrange.create_source(house.runtime, house.made.org, new, by="test")
    return row


def delivery(
    house: House, integration: Integration, sample: Sample, row: SourceRow
) -> httpx.Request:
    """The sample as its sender would send it to this source, signed."""
    now = house.runtime.clock.now()
    url = f"{house.base_url}/in/{row.type}/{row.token}"
    config = replace(row.config(now), url=url)
    ready = placed(integration, sample, config)
    headers = signed(integration, ready, config, now)
    return httpx.Request("POST", url, content=ready.body, headers=headers, params=sample.query)


def test_every_sample_is_taken_once_read_and_carried_to_the_crm(house: House) -> None:
    sent: dict[str, SourceRow] = {}
    with httpx.Client(trust_env=False) as sender:
        for integration, _, sample in cases():
            row = source_of(house, integration, sample)
            sent[row.name] = row
            request = delivery(house, integration, sample, row)
            for answer in (sender.send(request), sender.send(request)):
                place = f"{row.name}: {answer.status_code}"
                assert answer.status_code == (202 if row.type in ANSWERS else 200), place
                assert "set-cookie" not in answer.headers, place
                assert answer.content == b"" or row.type in BODIES, place
    house.settle()
    for integration, source, sample in cases():
        row = sent[f"{integration.name} {sample.name}"]
        check(house, source, row)


def check(house: House, source: Source, row: SourceRow) -> None:
    """Read, known again where the sender names its deliveries, and mapped where it is about
    somebody."""
    deliveries = house.events(source_id=row.id, kind="delivery")
    states = [one.state for one in deliveries]
    assert len(deliveries) == 2, row.name
    if deliveries[0].dkey is not None:
        assert states == ["accepted", "duplicate"], row.name
    told = [house.outcome(one.id) for one in deliveries if one.state == "accepted"]
    assert {one.state for one in told} <= {"routed", "no_rule"}, f"{row.name}: {told}"
    with house.runtime.db.read() as conn:
        made = conn.execute(select(runs).where(runs.c.rule_id.like(f"mapping-{row.id}%"))).all()
    for run in made:
        # A payment of nobody we know ends as such; nothing may fail.
        assert run.state in ("succeeded", "filtered"), f"{row.name}: {run.reason}"
        if run.state == "succeeded":
            assert house.steps(run.id), row.name
    mapped = set(source.usual_events()) & FACTS.keys()
    about = {one.type for one in told if one.about}
    if about & mapped & set(PERSON_EVENTS):
        assert any(run.state == "succeeded" for run in made), row.name
