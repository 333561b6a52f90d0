from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.transfers._push_memory import Pushed
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator
from local_apify import LocalApify
from tests.dag_runs import REMEMBERS, DagRunner, die_at_the_end_of_the_first_attempt
from tests.local_apify.client import until
from tests.lost_answers import LOST_ANSWERS, fault_name
from tests.transfers.pushing import ITEMS, LARGE, PIECES, PUSHES, items_of, push, pushes, stored
from tests.transfers.pushing_task import Store, context_of


@pytest.mark.parametrize("lag", [0.0, 0.2])
@pytest.mark.parametrize(
    "fault",
    [
        *LOST_ANSWERS,
        {"action": "answer", "status": 200, "text": "<html>Sign in</html>"},
        {"action": "answer", "status": 200, "text": ""},
    ],
    ids=fault_name,
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
