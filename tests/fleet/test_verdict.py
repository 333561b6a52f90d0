from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local_apify import LedgerRun
from local_apify.actors.scenario import scenario_item
from tests.chaos.case import NONE, Counts
from tests.chaos.judge import GRACE
from tests.fleet.verdict import Crawl, Expected, Left, judge
from tests.integration.stage import json_lines

END = datetime(2026, 11, 30, 12, tzinfo=UTC)
ITEMS = 3


def a_run(number: int, *, of: int | None = None, **changes: Any) -> LedgerRun:
    """Return a good run; ``of`` says whose input it has, if not that of the task of the same number."""
    usual: dict[str, Any] = {
        "run_id": f"run{number}",
        "actor": "apify/scenario",
        "actor_id": "scenario",
        "task": None,
        "started_at": "2026-11-30T11:58:00.000Z",
        "finished_at": "2026-11-30T11:59:00.000Z",
        "status": "SUCCEEDED",
        "user_agent": None,
        "headers": {},
        "options": {},
        "input_sha256": f"input{number if of is None else of}",
        "aborted_by_request": False,
    }
    return LedgerRun(**usual | changes)


def crawls(*results: str | None) -> list[Crawl]:
    return [Crawl(result=result, ended_at=END) for result in results]


@pytest.fixture
def files(tmp_path: Path) -> list[Expected]:
    expected = [Expected(path=tmp_path / f"{task}.jsonl", first=task * ITEMS, items=ITEMS) for task in range(2)]
    for file in expected:
        file.path.write_bytes(json_lines([scenario_item(file.first + number) for number in range(ITEMS)]))
    return expected


@pytest.fixture
def good(files: Sequence[Expected]) -> Left:
    return Left(crawls=crawls("run0", "run1"), runs=[a_run(0), a_run(1)], files=files, dag_runs=["success", "success"])


def test_one_run_and_one_whole_file_for_each_task_is_as_it_should_be(good: Left) -> None:
    verdict = judge(good)
    assert list(verdict.faults()) == []
    assert (verdict.wanted, verdict.billed, verdict.once, verdict.whole, verdict.counts) == (2, 2, 2, 2, NONE)


def test_a_second_good_run_of_a_task_is_a_duplicate(good: Left) -> None:
    verdict = judge(replace(good, runs=[*good.runs, a_run(2, of=1)]))
    assert verdict.counts == Counts(duplicates=1)
    assert list(verdict.faults()) == [
        "1 duplicates",
        "3 runs were billed for 2 tasks",
        "1 of 2 tasks have one run and returned it",
    ]


def test_a_run_that_goes_on_when_all_is_over_is_an_orphan(good: Left) -> None:
    verdict = judge(replace(good, runs=[*good.runs, a_run(2, of=1, status="RUNNING", finished_at=None)]))
    assert verdict.counts == Counts(orphaned=1)
    assert "1 runs or tasks go on" in list(verdict.faults())


def test_a_run_that_ended_long_after_its_task_was_an_orphan(good: Left) -> None:
    late = (END + GRACE + timedelta(seconds=1)).isoformat()
    verdict = judge(replace(good, runs=[*good.runs, a_run(2, of=1, finished_at=late)]))
    assert verdict.counts == Counts(orphaned=1)


def test_a_good_run_whose_task_has_no_result_is_lost(good: Left) -> None:
    verdict = judge(replace(good, crawls=crawls("run0", None)))
    assert verdict.counts == Counts(lost=1)
    assert verdict.once == 1


def test_an_aborted_run_is_lost_and_billed_beside_the_good_one(good: Left) -> None:
    aborted = a_run(2, of=1, status="ABORTED", aborted_by_request=True)
    verdict = judge(replace(good, runs=[*good.runs, aborted]))
    assert verdict.counts == Counts(lost=1)
    assert verdict.billed == 3


def test_two_tasks_must_not_return_the_same_run(good: Left) -> None:
    verdict = judge(replace(good, crawls=crawls("run0", "run0")))
    assert verdict.once == 1
    assert verdict.counts == Counts(lost=1)


@pytest.mark.parametrize("damage", ["missing", "torn", "short", "of another"])
def test_a_file_that_is_not_what_it_should_be_is_not_whole(good: Left, damage: str) -> None:
    first, second = (file.path for file in good.files)
    whole = second.read_bytes()
    if damage == "missing":
        second.unlink()
    else:
        lines = whole.splitlines(keepends=True)
        second.write_bytes(
            {"torn": whole[:-4], "short": b"".join(lines[:-1]), "of another": first.read_bytes()}[damage]
        )
    verdict = judge(good)
    assert list(verdict.faults()) == ["1 of 2 files are whole"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"dag_runs": ["success", "failed"]}, "the DAG runs ended as {'success': 1, 'failed': 1}"),
        ({"dag_runs": []}, "the DAG runs ended as {}"),
        ({"unfinished": 1}, "1 runs or tasks go on"),
    ],
)
def test_what_has_failed_or_goes_on_in_airflow_is_a_fault(good: Left, changes: dict[str, Any], fault: str) -> None:
    assert list(judge(replace(good, **changes)).faults()) == [fault]


def test_nothing_at_all_is_no_success(good: Left) -> None:
    verdict = judge(replace(good, runs=[], crawls=crawls(None, None)))
    assert (verdict.billed, verdict.once, verdict.counts) == (0, 0, NONE)
    assert list(verdict.faults()) == ["0 runs were billed for 2 tasks", "0 of 2 tasks have one run and returned it"]
