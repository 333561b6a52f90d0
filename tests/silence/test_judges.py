"""What the judges of chance take for right, and what they must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.silence.direct import Item
from tests.silence.exports import FILE_ITEMS, Export

ITEMS: list[Item] = [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]
LINES = '{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\n'
MANY: list[Item] = [{"id": number} for number in range(FILE_ITEMS + 1)]
NO_APIFY: Any = None


def lines_of(items: list[Item]) -> str:
    return "".join(f'{{"id": {item["id"]}}}\n' for item in items)


def wrong(way: str, truth: list[Item], folder: Path, files: dict[str, str], **outcome: Any) -> str | None:
    """Return what is wrong with files and what the task told."""
    for name, text in files.items():
        (folder / name).write_text(text)
    return Export(truth, way, {}, None).wrong({"dataset": "x", **outcome}, NO_APIFY, folder)


@pytest.mark.parametrize(
    ("way", "name", "text"), [("jsonl", "items.jsonl", LINES), ("csv", "items.csv", "id,text\n1,a\n2,b\n")]
)
def test_all_items_and_their_count_are_right_and_another_count_is_not(
    tmp_path: Path, way: str, name: str, text: str
) -> None:
    assert wrong(way, ITEMS, tmp_path, {name: text}, items=2) is None
    assert wrong(way, ITEMS, tmp_path, {name: text}, items=3) == "told 3 of 2 items"


@pytest.mark.parametrize("end", ["garbage", '{"id"'])
def test_what_follows_the_last_line_is_wrong(tmp_path: Path, end: str) -> None:
    assert wrong("jsonl", ITEMS, tmp_path, {"items.jsonl": LINES + end}, items=2) == "3 of 2 items, other from 2 on"


@pytest.mark.parametrize("text", ["id,text\n1,a,more\n2,b\n", "id,text\n1,a,\n2,b\n"])
def test_a_row_with_cells_too_many_is_wrong(tmp_path: Path, text: str) -> None:
    assert wrong("csv", ITEMS, tmp_path, {"items.csv": text}, items=2) == "2 of 2 items, other from 0 on"


@pytest.mark.parametrize(
    ("files", "is_wrong"),
    [
        ({}, False),
        ({"00000.jsonl": lines_of(MANY[:FILE_ITEMS])}, False),
        ({"00000.jsonl": lines_of(MANY[:FILE_ITEMS]), "00001.jsonl": lines_of(MANY[FILE_ITEMS:])}, False),
        ({"00000.jsonl": lines_of(MANY[: FILE_ITEMS - 1])}, True),
        ({"00000.jsonl": lines_of(MANY[1:])}, True),
        ({"00000.jsonl": lines_of(MANY[: FILE_ITEMS - 1]) + '{"id": 2'}, True),
        ({"00001.jsonl": lines_of(MANY[FILE_ITEMS:])}, True),
        ({".apify-x.part": ""}, True),
    ],
)
def test_the_files_of_a_split_export_that_failed_must_be_whole(
    tmp_path: Path, files: dict[str, str], is_wrong: bool
) -> None:
    assert bool(wrong("split", MANY, tmp_path, files, error="X: y")) == is_wrong
