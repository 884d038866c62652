"""The store's history: Alembic revisions, run by `relay db upgrade` and `relay up`."""
