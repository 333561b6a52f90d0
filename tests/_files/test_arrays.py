"""Lines become one JSON array, unparsed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from airflow_provider_apify._files.formats.json_array import ArrayOfLines
from tests._files.material import CUTS, ITEMS, Taken, lines_of, pieces_of


@given(ITEMS, CUTS)
def test_an_array_holds_what_the_lines_hold_in_any_pieces(items: list[Any], cuts: list[int]) -> None:
    taken = Taken()
    array = ArrayOfLines(taken)
    for number, piece in enumerate(pieces_of(lines_of(items), cuts)):
        array.add(memoryview(piece) if number % 2 else piece)
    array.close()
    assert json.loads(taken.body) == items
    assert taken.body.endswith(b"]\n")


def test_each_item_has_a_line_of_its_own() -> None:
    taken = Taken()
    array = ArrayOfLines(taken)
    array.add(lines_of([{"a": 1}, {"b": 2}]))
    array.add(lines_of([{"c": 3}]))
    array.close()
    assert taken.body == b'[\n{"a": 1},\n{"b": 2},\n{"c": 3}\n]\n'


def test_no_items_are_an_empty_array() -> None:
    taken = Taken()
    ArrayOfLines(taken).close()
    assert taken.body == b"[]\n"
