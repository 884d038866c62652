"""How Alembic reaches the store; the address comes from whoever calls it."""

from alembic import context

from relay.storage.database import Database
from relay.storage.tables import metadata

database = Database(context.config.attributes["url"], pool=1)
with database.write() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # SQLite cannot alter a column in place.
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
database.close()
