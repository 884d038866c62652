"""The first tables."""

from collections.abc import Sequence

from alembic import op

from relay.storage.tables import metadata

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing is published yet, so the first revision is the tables as they stand; the release
    that is published first freezes it."""
    metadata.create_all(op.get_bind())
