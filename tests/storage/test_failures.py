"""What is asked on every page stays cheap, however many runs have failed and were looked after."""

from sqlalchemy import create_engine, select, text

from relay.storage.reads import failures
from relay.storage.tables import metadata


def test_failed_runs_that_wait_for_somebody_are_counted_in_an_index_of_their_own() -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    asked = select(failures.counted(1)).compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as conn:
        plan = [row.detail for row in conn.execute(text(f"EXPLAIN QUERY PLAN {asked}"))]
    engine.dispose()
    assert any("USING COVERING INDEX ix_runs_failed" in line for line in plan), plan
