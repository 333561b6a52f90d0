"""What every process of a lab's Airflow loads at start: how to share one SQLite file among many processes.

Airflow looks for a module of this name in the folder ``config`` of its home; the lab puts a copy there.
"""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

__all__: list[str] = []  # nothing here replaces a setting of Airflow

CONNECT_ARGS = {"timeout": 60.0}
"""Seconds to wait while another process writes, instead of 5."""


@event.listens_for(Engine, "savepoint")
def begin_before_savepoint(connection: Connection, _name: str | None) -> None:
    """Take the write lock before a savepoint that would open the transaction.

    Python's driver leaves it to the savepoint, whose transaction then begins as a reader: when another process writes
    before this one does, SQLite gives up at once with "database is locked".
    """
    driver = connection.connection.dbapi_connection
    if connection.dialect.driver == "pysqlite" and driver is not None and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
