from __future__ import annotations

import csv

import pytest

from airflow_provider_apify._files.csv_cells import long_cells

LONG = "x" * 200_000


def cells(text: str) -> list[list[str]]:
    return list(csv.reader([text]))


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_long_cells_are_read_until_the_last_reader_has_ended(first_to_end: int) -> None:
    readers = [long_cells(), long_cells()]
    for reader in readers:
        reader.__enter__()
    readers.pop(first_to_end).__exit__(None, None, None)
    assert cells(LONG) == [[LONG]]
    readers.pop().__exit__(None, None, None)
    with pytest.raises(csv.Error, match="field limit"):
        cells(LONG)


def test_a_larger_limit_of_someone_else_is_kept() -> None:
    usual = csv.field_size_limit(2**30)
    try:
        with long_cells():
            assert csv.field_size_limit() == 2**30
        assert csv.field_size_limit() == 2**30
    finally:
        csv.field_size_limit(usual)
