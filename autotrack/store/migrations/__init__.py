"""How an index on PostgreSQL comes to the present schema: frozen Alembic revisions, applied by whoever opens it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from autotrack.errors import StoreError

_LOCK = 0x6175746F  # "auto": one migration at a time, whoever begins it


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision; StoreError where the index was made by a newer autotrack."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with engine.connect() as connection:
        if _revision(connection) == head:
            return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        revision = _revision(connection)
        if revision == head:
            return
        if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
            raise StoreError(
                f"the index was made by a newer autotrack (revision {revision}): pip install --upgrade autotrack-ml"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
