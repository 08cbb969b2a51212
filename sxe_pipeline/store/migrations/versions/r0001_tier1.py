"""Schemas ingest, social, cards, handoff, audit; their tables, grants and triggers."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file as it is: a driver placeholder would misread `%` and `:` in functions."""
    text = Path(__file__).with_name("r0001_tier1.sql").read_text()
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(text)
