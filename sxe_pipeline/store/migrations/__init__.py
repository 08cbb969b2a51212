"""Schemas, tables, grants and triggers, as Alembic revisions. Roles are made before: `roles`."""
