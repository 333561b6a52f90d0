"""Columns that Apify leaves out of tables without a word."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Literal, get_args

from airflow_provider_apify._api.facts import MAX_COLUMN_NAME, MAX_COLUMNS
from airflow_provider_apify.exceptions import ApifyLostColumnsError

log = logging.getLogger(__name__)

OnLostColumns = Literal["fail", "warn"]
_SHOWN_CHARACTERS = 60
_INSTEAD = "Write jsonl, json or parquet, or choose fields"


def parse_on_lost_columns(value: object) -> OnLostColumns:
    """Read what is to be done.

    :raises ValueError: neither of both.
    """
    for known in get_args(OnLostColumns):
        if value == known:
            choice: OnLostColumns = known
            return choice
    raise ValueError(f"on_lost_columns is {value!r}. Give 'fail' or 'warn'.")


class LostColumns:
    """Fails, or warns once, where Apify may have left columns out: a CSV, XLSX or HTML table has 2,000 at most.

    Their names have 200 characters at most. See https://docs.apify.com/api/v2/dataset-items-get.

    :param on_lost: what is done.
    """

    def __init__(self, on_lost: OnLostColumns = "fail") -> None:
        self._on_lost = on_lost
        self._has_warned = False

    def look(self, columns: int) -> None:
        """Look how many columns a table has.

        :raises ApifyLostColumnsError: as many as it can have.
        """
        if columns >= MAX_COLUMNS:
            self._tell(f"the table has {columns:,} columns, the most that Apify gives: any others are lost. {_INSTEAD}")

    def look_at_names(self, names: Iterable[str]) -> None:
        """Look at the names of fields that are to become columns.

        :raises ApifyLostColumnsError: one is too long for a column.
        """
        for name in names:
            if len(name) > MAX_COLUMN_NAME:
                self._tell(
                    f"field {name[:_SHOWN_CHARACTERS]!r}... has a name of {len(name)} characters, and Apify gives no "
                    f"column a name of more than {MAX_COLUMN_NAME}: it is lost. {_INSTEAD}"
                )

    def _tell(self, what: str) -> None:
        if self._on_lost == "fail":
            raise ApifyLostColumnsError(f"{what[0].upper()}{what[1:]}; or give on_lost_columns='warn'.")
        if not self._has_warned:
            self._has_warned = True
            log.warning("%s.", f"{what[0].upper()}{what[1:]}")
