from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify
from tests.dag_runs import DagRunner
from tests.transfers.pushing import ITEMS, LARGE, PIECES, items_of, push, pushes, stored

# What is pushed


def test_the_items_of_a_file_are_in_the_dataset(airflow: DagRunner, tmp_path: Path, dataset_id: str) -> None:
    path = stored(tmp_path, ITEMS)
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=path))

    assert items_of(dataset_id) == ITEMS
    told = outcome.xcom()
    assert len(told.pop("sha256")) == 64
    assert told == {
        "dataset_id": dataset_id,
        "dataset_name": "prices",
        "path": path,
        "items": 20,
        "pushed": 20,
        "item_count": 20,
    }


def test_a_dataset_is_made_by_its_name_and_templates_say_which(
    airflow: DagRunner, tmp_path: Path, hook: ApifyHook
) -> None:
    stored(tmp_path, ITEMS, "day-1.jsonl")
    outcome = airflow.run_task(
        push(dataset_name="prices-{{ params.day }}", path=str(tmp_path / "{{ params.day }}.jsonl")),
        params={"day": "day-1"},
    )

    dataset = hook.get_dataset(outcome.xcom()["dataset_id"])
    assert (dataset.name, dataset.item_count) == ("prices-day-1", 20)


@pytest.mark.parametrize(
    ("name", "body", "file_format"),
    [
        ("items.json", json.dumps(ITEMS, indent=1).encode(), None),
        ("items.data", json.dumps(ITEMS).encode(), "json"),
        ("items.jsonl.gz", gzip.compress("\n".join(map(json.dumps, ITEMS)).encode(), mtime=0), None),
        ("ITEMS.JSONL.GZ", gzip.compress("\n".join(map(json.dumps, ITEMS)).encode(), mtime=0), None),
        ("items.data", "\n".join(map(json.dumps, ITEMS)).encode(), "JSONL"),
    ],
)
def test_other_formats_are_read_as_well(
    airflow: DagRunner, tmp_path: Path, name: str, body: bytes, file_format: str | None
) -> None:
    (tmp_path / name).write_bytes(body)
    outcome = airflow.run_task(push(dataset_name="prices", path=str(tmp_path / name), file_format=file_format))
    dataset_id = outcome.xcom()["dataset_id"]

    assert items_of(dataset_id) == ITEMS


def test_rows_of_a_table_become_items_of_text(airflow: DagRunner, tmp_path: Path, dataset_id: str) -> None:
    (tmp_path / "items.csv").write_text("id;name\n1;one\n2;two\n")
    airflow.run_task(push(dataset_id=dataset_id, path=str(tmp_path / "items.csv"), delimiter=";"))

    assert items_of(dataset_id) == [{"id": "1", "name": "one"}, {"id": "2", "name": "two"}]


def test_a_table_of_a_spreadsheet_is_read_in_its_encoding(airflow: DagRunner, tmp_path: Path, dataset_id: str) -> None:
    (tmp_path / "Items.CSV").write_bytes("sep=;\r\nid;name\r\n1;Žluť\r\n".encode("cp1250"))
    airflow.run_task(
        push(dataset_id=dataset_id, path=str(tmp_path / "Items.CSV"), encoding="{{ params.encoding }}"),
        params={"encoding": "cp1250"},
    )

    assert items_of(dataset_id) == [{"id": "1", "name": "Žluť"}]


def test_a_table_that_would_be_pushed_as_garbage_fails_for_good(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    (tmp_path / "items.csv").write_text("id;name\n1;one\n")
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=str(tmp_path / "items.csv")))

    assert isinstance(outcome.error, AirflowFailException)
    assert "items.csv, line 1: a column is named with ';'" in str(outcome.error)
    assert "Give delimiter=';'" in str(outcome.error)
    assert pushes(apify) == 0


def test_many_bytes_are_pushed_in_pieces_that_apify_takes(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    sizes: list[int] = []
    apify.on_exchange = lambda exchange: sizes.append(len(exchange.request_body))
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, LARGE)))

    assert outcome.xcom()["pushed"] == len(LARGE)
    assert pushes(apify) == PIECES
    assert max(sizes) <= 5_000_000
    apify.on_exchange = None
    assert items_of(dataset_id) == LARGE


def test_a_file_without_items_pushes_nothing(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, [])))

    assert (outcome.state, outcome.xcom()["pushed"], pushes(apify)) == ("success", 0, 0)


def test_items_are_appended_to_those_that_are_there(airflow: DagRunner, tmp_path: Path, dataset_id: str) -> None:
    for expected in (20, 40):
        outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, ITEMS)))
        assert outcome.xcom()["item_count"] == expected

    assert items_of(dataset_id) == ITEMS * 2


# What cannot be pushed


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ('{"id": ', "items.jsonl, line 7: it is no JSON"),
        ("[]", "items.jsonl, line 7: an item is a JSON object"),
        ('{"text": "%s"}' % ("x" * 5_000_000), "items.jsonl, line 7: an item above 5 MB"),
    ],
    ids=["no JSON", "no object", "too large"],
)
def test_a_bad_line_fails_for_good_before_anything_is_pushed(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, last: str, words: str
) -> None:
    path = stored(tmp_path, LARGE)
    Path(path).write_text(Path(path).read_text() + last)
    outcome = airflow.run_task(push(dataset_name="prices", path=path, retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert words in str(outcome.error)
    assert "Nothing was pushed." in str(outcome.error)
    assert pushes(apify) == 0


def test_a_file_that_is_not_there_fails_with_the_reason(airflow: DagRunner, tmp_path: Path, dataset_id: str) -> None:
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=str(tmp_path / "items.jsonl")))

    assert isinstance(outcome.error, ApifyError)
    assert f"Cannot read {tmp_path}/items.jsonl: FileNotFoundError" in str(outcome.error)
    assert "folder" not in str(outcome.error)  # it is the file that is missing


@pytest.mark.parametrize("given", [{"dataset_id": "nothing"}, {"dataset_name": "{{ 'not a name' }}"}])
def test_a_dataset_that_cannot_be_fails_for_good(airflow: DagRunner, tmp_path: Path, given: dict[str, str]) -> None:
    outcome = airflow.run_task(push(path=stored(tmp_path, ITEMS), retries=3, **given))

    assert isinstance(outcome.error, AirflowFailException)


@pytest.mark.parametrize(
    ("before", "after", "pushed"), [(ITEMS, ITEMS[:7], 0), (ITEMS, [{}], 0), (LARGE, LARGE[1:], 4)]
)
@pytest.mark.parametrize("mode", ["append", "complete"])
def test_a_file_that_changes_after_it_was_checked_fails_the_task_which_says_what_was_pushed(
    airflow: DagRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dataset_id: str,
    *,
    before: list[Any],
    after: list[Any],
    pushed: int,
    mode: str,
) -> None:
    path = stored(tmp_path, before)

    def change_and_find(*_: Any, _find: Any = ApifyHook.get_dataset) -> Any:
        stored(tmp_path, after)
        return _find(*_)

    monkeypatch.setattr(ApifyHook, "get_dataset", change_and_find)
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=path, push_mode=mode, retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert f"items.jsonl has changed since this attempt began to read it. Of what it has become, {pushed} items" in str(
        outcome.error
    )
    assert items_of(dataset_id) == after[:pushed]


def test_a_file_that_becomes_unreadable_after_it_was_checked_fails_the_task(
    airflow: DagRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset_id: str
) -> None:
    path = stored(tmp_path, ITEMS)

    def change_and_find(*_: Any, _find: Any = ApifyHook.get_dataset) -> Any:
        Path(path).write_text('{"id": 0}\nno item\n')
        return _find(*_)

    monkeypatch.setattr(ApifyHook, "get_dataset", change_and_find)
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=path))

    assert "has changed since this attempt began to read it" in str(outcome.error)
    assert items_of(dataset_id) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "/x.jsonl"}, "Give exactly one of dataset_id and dataset_name"),
        ({"path": "/x.jsonl", "dataset_id": "a", "dataset_name": "b"}, "Give exactly one of dataset_id"),
        ({"path": "/x.jsonl", "dataset_id": ""}, "dataset_id is empty"),
        ({"path": "/x.jsonl", "dataset_name": ""}, "dataset_name is empty"),
        ({"path": "x.jsonl", "dataset_id": "a"}, "Give a local path that begins with '/'"),
        (
            {"path": "/x.xml", "dataset_id": "a"},
            "'xml' is no format that items are read from. Give file_format as one of jsonl",
        ),
        ({"path": "/x.jsonl", "dataset_id": "a", "delimiter": ";"}, "delimiter is for csv only"),
        ({"path": "/x.csv", "dataset_id": "a", "encoding": "ansi"}, "encoding is 'ansi', which Python does not know"),
        ({"path": "/x.csv.gz", "dataset_id": "a", "delimiter": "tab"}, "It must be one character"),
        (
            {"path": "/x.csv", "dataset_id": "a", "push_mode": "replace"},
            "push_mode is 'replace'. Give one of append, complete",
        ),
        ({"path": "/x.csv", "dataset_name": "-a-"}, "neither begins nor ends with a hyphen"),
        ({"path": "/x.csv", "dataset_name": "a" * 64}, "dataset_name is 'aaa.*63 at most"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        push(**arguments)
