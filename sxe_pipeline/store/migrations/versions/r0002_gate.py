"""Schemas gate, privacy and contacts: the ledger, the people, the permits, the encrypted values."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the files in the order of their numbers, each as it is."""
    driver: Any = op.get_bind().connection.driver_connection
    for file in sorted(Path(__file__).with_name("r0002").glob("*.sql")):
        driver.execute(file.read_text())
