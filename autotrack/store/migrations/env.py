"""Alembic's entry: runs the revisions on the connection that `upgrade` holds."""

from __future__ import annotations

from alembic import context

from autotrack.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
