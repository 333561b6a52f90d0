from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Context

from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyDataError, ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.transfers._push_memory import Pushed
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION, DagRunner
from tests.local_apify.client import until
from tests.transfers.pushing_task import Store, context_of

REMEMBERS = not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2."))
ITEMS = [{"id": number, "name": f"Žluť {number}"} for number in range(20)]
# Two of them make a piece.
LARGE = [{"id": number, "text": "x" * 2_000_000} for number in range(6)]
PIECES = 3
PUSH = "POST /v2/datasets/{datasetId}/items"
PUSHES: dict[str, Any] = {"method": "POST", "path": "/v2/datasets/*/items"}


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


@pytest.fixture
def dataset_id(hook: ApifyHook) -> str:
    return hook.create_dataset("prices").id


def push(**arguments: Any) -> FileToDatasetOperator:
    """Make the task of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "retry_delay": timedelta(0)}
    return FileToDatasetOperator(**(defaults | arguments))


def stored(tmp_path: Path, items: list[Any], name: str = "items.jsonl") -> str:
    """Store items as JSON Lines, and return the path."""
    (tmp_path / name).write_text("".join(f"{json.dumps(item)}\n" for item in items))
    return str(tmp_path / name)


def items_of(dataset_id: str) -> list[Any]:
    return list(ApifyHook().iterate_items(dataset_id))


def pushes(apify: LocalApify) -> int:
    return apify.control.ledger().requests.get(PUSH, 0)


def die_at_the_end_of_the_first_attempt(context: Context, result: Any) -> None:  # noqa: ARG001 - Airflow's signature
    if context["ti"].try_number == 1:
        raise AirflowException("died at the end")


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


# Each item once


@pytest.mark.parametrize("lag", [0.0, 0.2])
@pytest.mark.parametrize(
    "fault",
    [
        {"action": "cut-before-commit"},
        {"action": "cut-after-commit"},
        {"action": "answer", "status": 503},
        {"action": "answer-after-commit", "status": 500, "error_type": "internal-server-error"},
        {"action": "answer", "status": 429, "error_type": "rate-limit-exceeded"},
        {"action": "answer", "status": 200, "text": "<html>Sign in</html>"},
        {"action": "answer", "status": 200, "text": ""},
        {"action": "garbage"},
    ],
    ids=lambda fault: f"{fault['action']}-{fault.get('status', '')}",
)
def test_a_piece_whose_answer_is_lost_or_bad_is_there_once(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, fault: dict[str, Any], lag: float
) -> None:
    apify.control.settings(item_count_lag_seconds=lag)
    apify.control.add_fault(skip=1, **fault, **PUSHES)
    outcome = airflow.run_task(push(dataset_name="prices", path=stored(tmp_path, LARGE)))

    assert outcome.state == "success"
    dataset_id = outcome.xcom()["dataset_id"]
    assert [item["id"] for item in items_of(dataset_id)] == [0, 1, 2, 3, 4, 5]


def test_items_that_apify_says_it_took_and_does_not_count_fail_the_task(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    apify.control.add_fault("answer", skip=1, status=201, text="{}", **PUSHES)
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, LARGE)))

    assert isinstance(outcome.error, ApifyDataError)
    assert "counts 4 items, but 6 are pushed" in str(outcome.error)


@pytest.fixture
def _somebody_pushes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def push_and_count(
        task: FileToDatasetOperator, dataset: Dataset, pushed: Pushed, _count: Any = FileToDatasetOperator._count
    ) -> Any:
        task.hook.push_items(dataset.id, [{"other": 1}])
        return _count(task, dataset, pushed)

    monkeypatch.setattr(FileToDatasetOperator, "_count", push_and_count)


@pytest.mark.usefixtures("_somebody_pushes_as_well")
def test_items_of_somebody_else_that_come_meanwhile_are_counted_and_told(
    airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, ITEMS)))

    assert (outcome.state, outcome.xcom()["pushed"], outcome.xcom()["item_count"]) == ("success", 20, 21)
    assert "counts 21 items, 1 more than were there and pushed: something else writes to it" in outcome.log


@pytest.mark.usefixtures("_somebody_pushes_as_well")
def test_a_dataset_that_others_fill_meanwhile_is_not_complete(
    airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, ITEMS), push_mode="complete"))

    assert isinstance(outcome.error, ApifyDataError)
    assert "counts 21 items, 1 more than were there and pushed: with push_mode='complete'" in str(outcome.error)


def test_a_retry_goes_on_behind_what_the_attempt_before_has_pushed_or_refuses_where_nothing_is_remembered(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    apify.control.add_fault("cut-before-commit", skip=1, times=4, **PUSHES)
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, LARGE), retries=1))

    ids = [item["id"] for item in items_of(dataset_id)]
    if REMEMBERS:
        assert isinstance(outcome.error, ApifyConnectionError)
        assert (outcome.state, outcome.xcom()["pushed"], ids) == ("success", 4, [0, 1, 2, 3, 4, 5])
    else:
        assert isinstance(outcome.error, AirflowFailException)
        assert (outcome.state, ids) == ("failed", [0, 1])


def test_a_retry_after_everything_was_pushed_pushes_nothing(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    dies = die_at_the_end_of_the_first_attempt
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, ITEMS), retries=1, post_execute=dies))

    assert outcome.state == ("success" if REMEMBERS else "failed")
    assert (items_of(dataset_id), pushes(apify)) == (ITEMS, 1)


def test_a_file_is_completed_as_often_as_one_likes(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    dies = die_at_the_end_of_the_first_attempt
    path = stored(tmp_path, LARGE)
    ApifyHook().push_items(dataset_id, LARGE[:1])
    first = airflow.run_task(push(dataset_id=dataset_id, path=path, push_mode="complete", retries=1, post_execute=dies))
    second = airflow.run_task(push(dataset_id=dataset_id, path=path, push_mode="complete"))

    assert (first.state, first.xcom()["pushed"], second.xcom()["pushed"]) == ("success", 0, 0)
    assert [item["id"] for item in items_of(dataset_id)] == [0, 1, 2, 3, 4, 5]
    assert pushes(apify) == 1 + PIECES


@pytest.mark.parametrize(
    "there",
    [
        [{"other": 1}] * 4,
        [{**ITEMS[0], "more": 1}, *ITEMS[1:4]],
        [*ITEMS[:3], {"other": 1}],
        [*ITEMS[:19], {"other": 1}],
        [*ITEMS[1:3]],
    ],
    ids=["others", "another first", "another last", "as many", "shifted"],
)
def test_a_dataset_that_holds_other_items_is_not_completed(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path, dataset_id: str, there: list[Any]
) -> None:
    ApifyHook().push_items(dataset_id, there)
    outcome = airflow.run_task(
        push(dataset_id=dataset_id, path=stored(tmp_path, ITEMS), push_mode="complete", retries=1)
    )

    assert isinstance(outcome.error, AirflowFailException)
    assert "is not that of the file: with push_mode='complete'" in str(outcome.error)
    assert "Nothing was pushed." in str(outcome.error)
    assert (items_of(dataset_id), pushes(apify)) == (there, 1)


def test_items_that_apify_writes_otherwise_are_still_those_of_the_file(
    airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    odd = '{"b": 1.0, "text": "\\ud83c", "number": 12345678901234567890, "zero": -0.0}'
    (tmp_path / "items.jsonl").write_text(f"{odd}\n{odd}\n")
    ApifyHook().push_items(dataset_id, [{"text": "\ufffd", "number": 12345678901234567000, "b": 1, "zero": 0}])
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=str(tmp_path / "items.jsonl"), push_mode="complete"))

    assert outcome.errors == {}
    assert (outcome.state, outcome.xcom()["pushed"], outcome.xcom()["item_count"]) == ("success", 1, 2)


def test_a_dataset_with_more_items_than_the_file_is_not_its_own(
    airflow: DagRunner, tmp_path: Path, dataset_id: str
) -> None:
    ApifyHook().push_items(dataset_id, [*ITEMS, {"id": 20}])
    outcome = airflow.run_task(push(dataset_id=dataset_id, path=stored(tmp_path, ITEMS), push_mode="complete"))

    assert isinstance(outcome.error, AirflowFailException)
    assert "has 21 items, more than the 20 of the file" in str(outcome.error)


# A worker that dies


def test_a_retry_after_a_killed_worker_pushes_what_is_missing_and_nothing_twice(
    apify: LocalApify, tmp_path: Path, dataset_id: str
) -> None:
    path = stored(tmp_path, LARGE)
    apify.control.add_fault("delay-after-commit", skip=1, seconds=600, **PUSHES)
    worker = subprocess.Popen(  # noqa: S603 - us
        [sys.executable, "-m", "tests.transfers.pushing_task", path, dataset_id, str(tmp_path / "store.json")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:  # Its second piece is stored, and it waits for the answer.
        until(lambda: ApifyHook().get_dataset(dataset_id).item_count == 4, seconds=120)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    operator = push(dataset_id=dataset_id, path=path)
    result = operator.execute(context_of(operator, Store(tmp_path / "store.json"), attempt=2))

    assert [item["id"] for item in items_of(dataset_id)] == [0, 1, 2, 3, 4, 5]
    assert (pushes(apify), result["pushed"], result["item_count"]) == (PIECES, 4, 6)


@pytest.fixture
def left_after_two_pieces(apify: LocalApify, tmp_path: Path, dataset_id: str) -> str:
    """Leave what a worker leaves that dies when Apify has stored its second piece; return the file."""
    path = stored(tmp_path, LARGE)
    apify.control.add_fault("answer-after-commit", skip=1, status=400, error_type="any", **PUSHES)
    operator = push(dataset_id=dataset_id, path=path)
    with pytest.raises(AirflowFailException):
        operator.execute(context_of(operator, Store(tmp_path / "store.json"), attempt=1))
    assert len(items_of(dataset_id)) == 4
    return path


def test_a_clear_of_a_task_that_did_not_end_goes_on_and_one_of_a_task_that_did_pushes_again(
    tmp_path: Path, dataset_id: str, left_after_two_pieces: str
) -> None:
    operator = push(dataset_id=dataset_id, path=left_after_two_pieces)
    store = Store(tmp_path / "store.json")
    operator.execute(context_of(operator, store, attempt=2, max_tries=2))
    operator.execute(context_of(operator, store, attempt=2, max_tries=2))
    assert [item["id"] for item in items_of(dataset_id)] == [0, 1, 2, 3, 4, 5]

    operator.execute(context_of(operator, store, attempt=3, max_tries=3))
    assert [item["id"] for item in items_of(dataset_id)] == [0, 1, 2, 3, 4, 5] * 2


def test_a_file_that_has_changed_is_not_taken_for_the_rest_of_the_one_before(
    tmp_path: Path, dataset_id: str, left_after_two_pieces: str
) -> None:
    stored(tmp_path, LARGE[::-1])
    operator = push(dataset_id=dataset_id, path=left_after_two_pieces)
    store = Store(tmp_path / "store.json")
    with pytest.raises(AirflowFailException, match="has pushed 2 items to dataset"):
        operator.execute(context_of(operator, store, attempt=2))

    operator.execute(context_of(operator, store, attempt=2, max_tries=2))
    assert [item["id"] for item in items_of(dataset_id)] == [0, 1, 2, 3, 5, 4, 3, 2, 1, 0]


def test_what_a_dead_worker_left_is_completed_without_any_memory(
    apify: LocalApify, dataset_id: str, left_after_two_pieces: str
) -> None:
    operator = push(dataset_id=dataset_id, path=left_after_two_pieces, push_mode="complete")
    operator.execute(context_of(operator, None, attempt=2))

    assert [item["id"] for item in items_of(dataset_id)] == [0, 1, 2, 3, 4, 5]
    assert pushes(apify) == PIECES


def test_without_memory_a_retry_refuses_to_push_what_may_be_there(
    apify: LocalApify, dataset_id: str, left_after_two_pieces: str
) -> None:
    operator = push(dataset_id=dataset_id, path=left_after_two_pieces)
    with pytest.raises(AirflowFailException, match="use push_mode='complete' with a dataset for each file"):
        operator.execute(context_of(operator, None, attempt=2))
    assert pushes(apify) == 2


@pytest.mark.parametrize("items_before", [[], ITEMS])
def test_without_memory_a_retry_pushes_to_a_dataset_that_nobody_has_changed(
    tmp_path: Path, dataset_id: str, items_before: list[Any]
) -> None:
    if items_before:
        ApifyHook().push_items(dataset_id, items_before)
    operator = push(dataset_id=dataset_id, path=stored(tmp_path, ITEMS))
    began = pendulum.now("UTC").add(minutes=2)
    context = context_of(operator, None, attempt=2)
    context["dag_run"] = SimpleNamespace(start_date=began)
    operator.execute(context)

    assert items_of(dataset_id) == items_before + ITEMS
