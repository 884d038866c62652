"""Which steps are for a CRM elsewhere, and which of them must not be done twice."""

from datetime import datetime

from sqlalchemy import Connection

from relay.pipeline import connecting
from relay.pipeline.execution import Execution
from relay.storage.connections import ConnectionRow


def is_remote(execution: Execution) -> bool:
    """Whether the step in hand is for a CRM elsewhere."""
    step = execution.step
    return step is not None and step.use.startswith("crm.") and execution.setup.crm is not None


def crm_of(execution: Execution) -> ConnectionRow:
    """The connection that is called."""
    found = execution.setup.crm
    assert found is not None  # noqa: S101 - asked of steps that are for it
    return found


def prepare(conn: Connection, execution: Execution, now: datetime) -> None:
    """Holds the run where the CRM cannot be called."""
    found = crm_of(execution)
    if found.state != "active":
        connecting.wait_for(conn, execution, found, now)


def is_told_first(execution: Execution) -> bool:
    """Whether doing the step in hand twice would show: it is written down before it is sent."""
    assert execution.step is not None  # noqa: S101 - asked with the step in hand
    verb = execution.step.use.partition(".")[2]
    if verb == "create_item":
        return execution.params.get("match") not in {"contact", "account"}
    return verb == "post_stream"
