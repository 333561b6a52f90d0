from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local_apify import LedgerRun
from tests.chaos.case import Case, Counts
from tests.chaos.cases import CASES, kills
from tests.chaos.judge import Instance, Seen, Verdict, judge

END = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAYED = {case.key: case for case in CASES}
KILLS = [case for case in kills.CASES if case.key.startswith(("worker_", "machine_"))]


def a_run(status: str, *, run_id: str = "", ended: float = -1) -> LedgerRun:
    """Make a run.

    :param ended: how many seconds after the task.
    """
    return LedgerRun(
        run_id=run_id or status,
        actor="apify/scenario",
        actor_id="actor",
        task=None,
        started_at="2026-01-01T11:00:00.000Z",
        finished_at=None if status == "RUNNING" else (END + timedelta(seconds=ended)).isoformat(),
        status=status,
        user_agent=None,
        headers={},
        options={},
        input_sha256=None,
        aborted_by_request=status == "ABORTED",
    )


def judged(
    case: Case,
    *runs: LedgerRun,
    result: str | None = None,
    tries: int = 1,
    lost: Collection[int] = (),
    **details: Any,
) -> Verdict:
    return judge(case, seen_of(Instance(tries=tries, lost=lost, result=result, runs=runs), **details))


def seen_of(instance: Instance, **details: Any) -> Seen:
    seen: dict[str, Any] = {"state": "success", "ended_at": END, "instances": [instance]}
    return Seen(**seen | details)


def a_case(**details: Any) -> Case:
    return Case(key="case", section="", happens="", then="", **details)


@pytest.mark.parametrize("case", KILLS, ids=lambda case: case.key)
def test_a_kill_case_in_which_nobody_was_killed_is_not_as_expected(case: Case) -> None:
    undisturbed = [
        Instance(tries=1, result=f"run {index}", runs=[a_run("SUCCEEDED", run_id=f"run {index}")])
        for index in range(len(case.runs))
    ]
    verdict = judge(case, Seen(state="success", ended_at=END, instances=undisturbed))

    assert verdict.counts == Counts()
    assert "it took 1 of 2 tries" in verdict.trouble
    assert not verdict.is_as_expected


def test_a_second_try_does_not_prove_that_the_first_died_where_it_was_to() -> None:
    case = PLAYED["worker_before_id_stored"]

    elsewhere = judged(case, a_run("SUCCEEDED"), result="SUCCEEDED", tries=2)
    there = judged(case, a_run("SUCCEEDED"), result="SUCCEEDED", tries=2, has_died=True)

    assert elsewhere.trouble == "no worker has died the answer is there, the id is not stored"
    assert there.is_as_expected


def test_only_a_case_without_surplus_runs_may_be_played_again() -> None:
    good = [a_run("SUCCEEDED", run_id="first"), a_run("SUCCEEDED", run_id="second")]

    assert judged(a_case(), good[0], result="first", trouble="Airflow is down").is_spoilt
    assert not judged(a_case(), *good, result="second", trouble="Airflow is down").is_spoilt
    assert not judged(a_case(), good[0], result="first").is_spoilt


def test_a_try_too_many_is_excused_only_where_airflow_says_that_it_has_lost_a_worker() -> None:
    ours = judged(a_case(), a_run("SUCCEEDED"), result="SUCCEEDED", tries=2)
    airflows = judged(a_case(), a_run("SUCCEEDED"), result="SUCCEEDED", tries=2, lost={1})
    plain = judge(a_case(), seen_of(Instance(tries=2, result="SUCCEEDED", runs=[a_run("SUCCEEDED")])), is_plain=True)

    assert not ours.is_as_expected
    assert not ours.is_spoilt
    assert "1 failed tries too many" in str(ours)
    assert not airflows.is_as_expected
    assert airflows.is_spoilt
    assert plain.is_as_expected


def test_a_worker_that_the_case_itself_kills_excuses_no_other_try() -> None:
    case = a_case(tries=2)

    assert not judged(case, a_run("SUCCEEDED"), result="SUCCEEDED", tries=3, lost={1}).is_spoilt
    assert judged(case, a_run("SUCCEEDED"), result="SUCCEEDED", tries=3, lost={1, 2}).is_spoilt


def test_a_fault_that_has_not_happened_as_often_as_meant_is_trouble() -> None:
    fault = {"action": "answer", "method": "POST", "path": "*", "times": 3, "happened": 2}

    assert "has happened 2 times" in judged(a_case(), a_run("SUCCEEDED"), result="SUCCEEDED", faults=[fault]).trouble
    assert judged(a_case(), a_run("SUCCEEDED"), result="SUCCEEDED", faults=[fault | {"happened": 3}]).is_as_expected


def test_an_unfinished_case_is_trouble() -> None:
    assert judged(a_case(), a_run("RUNNING"), state="unfinished", ended_at=None).trouble == "it is unfinished"


@pytest.mark.parametrize("orphan", [a_run("RUNNING"), a_run("TIMED-OUT", ended=20), a_run("SUCCEEDED", ended=20)])
def test_a_run_that_went_on_after_its_task_is_an_orphan_however_it_ended_and_nothing_else(orphan: LedgerRun) -> None:
    kept = a_run("SUCCEEDED", run_id="kept")

    assert judged(a_case(), orphan, state="failed").counts == Counts(orphaned=1)
    assert judged(a_case(), orphan, kept, result="kept").counts == Counts(orphaned=1)


def test_a_run_may_take_some_seconds_to_be_aborted() -> None:
    assert judged(a_case(), a_run("ABORTED", ended=8), state="failed").counts == Counts()


def test_a_run_that_the_user_wants_to_go_on_is_no_orphan() -> None:
    case = a_case(operator={"abort_on_kill": False})

    assert judged(case, a_run("SUCCEEDED", ended=20), state="failed", is_marked=True).counts == Counts()


def test_a_good_run_beyond_what_was_asked_for_is_a_duplicate_and_not_also_lost() -> None:
    runs = [a_run("SUCCEEDED", run_id="first"), a_run("SUCCEEDED", run_id="second")]

    assert judged(a_case(), *runs, result="first").counts == Counts(duplicates=1)
    assert judged(a_case(), *runs, result="second").counts == Counts(duplicates=1)
    assert judged(a_case(clears=1), *runs, result="second").counts == Counts()


def test_a_good_run_whose_result_is_not_there_is_lost() -> None:
    runs = [a_run("SUCCEEDED", run_id="first"), a_run("SUCCEEDED", run_id="second")]

    assert judged(a_case(), runs[0], state="failed").counts == Counts(lost=1)
    assert judged(a_case(clears=1), *runs, result="first").counts == Counts(lost=1)
    assert judged(a_case(), runs[0], state="failed", is_marked=True).counts == Counts()


def test_a_run_that_was_aborted_although_its_task_goes_on_is_lost() -> None:
    runs = [a_run("ABORTED"), a_run("SUCCEEDED")]

    assert judged(a_case(), *runs, result="SUCCEEDED").counts == Counts(lost=1)
    assert judged(a_case(clears=1), *runs, result="SUCCEEDED").counts == Counts()
    assert judged(a_case(), runs[0], state="failed", is_marked=True).counts == Counts()


def test_of_a_mapped_task_each_index_is_judged_by_its_own_runs_and_result() -> None:
    case = a_case(shape="mapped", tries=2, runs=("SUCCEEDED",) * 3)
    each = [
        Instance(tries=1 + (index == 1), result=str(index), runs=[a_run("SUCCEEDED", run_id=str(index))])
        for index in range(3)
    ]
    mixed_up = [*each[:2], Instance(tries=1, result="0", runs=each[2].runs)]

    assert judge(case, Seen(state="success", ended_at=END, instances=each)).is_as_expected
    assert judge(case, Seen(state="success", ended_at=END, instances=mixed_up)).counts == Counts(lost=1)


def test_a_plain_client_may_take_more_tries_and_looks_for_nothing() -> None:
    looks = {"action": "lag", "method": "GET", "path": "*", "times": None, "happened": 0}
    start = {"action": "cut-after-commit", "method": "POST", "path": "*", "times": 1, "happened": 1}
    runs = [a_run("SUCCEEDED", run_id="first"), a_run("SUCCEEDED", run_id="second")]
    seen = Seen(
        state="success",
        ended_at=END,
        instances=[Instance(tries=3, result="second", runs=runs)],
        faults=[start, looks],
    )

    assert not judge(a_case(), seen, is_plain=True).trouble
    assert judge(a_case(), seen).trouble


def test_tries_that_airflow_itself_may_cost_are_neither_trouble_nor_failed() -> None:
    case = a_case(tries=2, spare_tries=2)

    for tries in (2, 3, 4):
        assert judged(case, a_run("SUCCEEDED"), result="SUCCEEDED", tries=tries).is_as_expected
    assert not judged(case, a_run("SUCCEEDED"), result="SUCCEEDED", tries=5).is_as_expected
    assert not judged(case, a_run("SUCCEEDED"), result="SUCCEEDED", tries=1).is_as_expected


def test_of_a_dag_run_s_namesake_only_its_own_run_counts_however_the_old_one_ends() -> None:
    case = a_case(
        clears=1,
        runs=("SUCCEEDED", "SUCCEEDED"),
        also=("ABORTED", "SUCCEEDED"),
        operator={"wait_for_completion": False},
    )
    old, new = a_run("SUCCEEDED", run_id="old", ended=60), a_run("SUCCEEDED", run_id="new", ended=90)

    assert judged(case, old, new, result="new").is_as_expected
    assert judged(case, a_run("ABORTED"), new, result="new").is_as_expected
    assert judged(case, old, new, result="old").counts == Counts(lost=1)
    assert judged(case, old, a_run("ABORTED"), result="old").counts == Counts(lost=1)
