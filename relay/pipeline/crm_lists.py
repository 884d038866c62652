"""The lists that an organization works with: Relay's own, or those of its CRM elsewhere."""

from sqlalchemy import Connection

from relay.core.errors import InvalidInput
from relay.crm.embedded.schema import Schema, schema
from relay.pipeline.calling import definitions_of
from relay.runtime import Runtime


def lists_of(runtime: Runtime, conn: Connection, org: int) -> Schema:
    """Raises InvalidInput while those elsewhere have not been read."""
    crm = runtime.setups.of(conn, org).crm
    if crm is None:
        return schema(conn, org)
    found = definitions_of(conn, crm.id)
    if found is None:
        raise InvalidInput(f"the lists of {crm.name} have not been read yet: try again in a minute")
    return Schema(stamp=0, lists=found.lists, account_fields=found.account_fields)
