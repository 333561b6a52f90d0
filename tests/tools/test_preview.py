from __future__ import annotations

import json
from pathlib import Path

from tools.preview import describe_results


def test_a_run_is_named_once_and_its_file_shown_with_its_first_rows(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text("".join(f'{{"id": {number}}}\n' for number in range(5)))
    run = {"run_id": "r1", "console_url": "https://console.apify.com/actors/runs/r1"}
    manifest = {"path": f"file://{file}", "items": 5, "bytes": file.stat().st_size}

    lines = list(describe_results([run, None, run, manifest], local=False))

    assert lines[0] == "Run   https://console.apify.com/actors/runs/r1"
    assert lines[1] == f"File  {file}"
    assert "5 items" in lines[2]
    assert [line.strip() for line in lines[3:]] == ['{"id": 0}', '{"id": 1}', '{"id": 2}']


def test_a_json_file_is_shown_item_by_item(tmp_path: Path) -> None:
    file = tmp_path / "items.json"
    file.write_text(json.dumps([{"id": 1}, {"id": 2}]))

    lines = list(describe_results([{"path": str(file), "items": 2, "bytes": 20}], local=True))

    assert [line.strip() for line in lines[2:]] == ['{"id": 1}', '{"id": 2}']


def test_a_table_is_shown_with_its_header_and_each_row_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text('id,text\n1,"two\nlines"\n')

    lines = list(describe_results([{"path": str(file), "items": 1, "bytes": 20}], local=True))

    assert [line.strip() for line in lines[2:]] == ["id | text", "1 | two lines"]


def test_a_file_in_the_cloud_is_named_but_not_opened() -> None:
    lines = list(describe_results([{"path": "s3://bucket/items.jsonl", "items": 2, "bytes": 20}], local=False))

    assert lines == ["File  s3://bucket/items.jsonl", "      2 items, 20 bytes"]
