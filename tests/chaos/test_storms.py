from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import BrokenBarrierError
from typing import Any

import pytest

from tests.chaos.cases import CASES
from tests.chaos.storms import STORMS, Gathering
from tests.dag_runs import NEEDS_API_OF_AIRFLOW_3
from tools.lab import wait_until

LAB: Any = object()


def test_no_two_cases_have_the_same_key_and_each_storm_is_one_of_those_that_can_come() -> None:
    assert [key for key, count in Counter(case.key for case in CASES).items() if count > 1] == []
    assert {case.storm for case in CASES if case.storm} == set(STORMS)


def test_a_storm_comes_once_when_all_are_there_and_is_cleared_up_when_they_have_gone() -> None:
    happened: list[str] = []

    @contextmanager
    def storm(_lab: object) -> Iterator[None]:
        happened.append("comes")
        yield
        happened.append("has gone")

    with Gathering(LAB, storm, 3) as gathering, ThreadPoolExecutor(3) as pool:
        for waiting in [pool.submit(gathering.wait) for _ in range(3)]:
            waiting.result(timeout=60)
        assert happened == ["comes"]

    assert happened == ["comes", "has gone"]


def test_a_storm_that_fails_is_told_to_every_case() -> None:
    @contextmanager
    def storm(_lab: object) -> Iterator[None]:
        wait_until(lambda: False, "an Airflow that is down", timeout=0)
        yield

    with Gathering(LAB, storm, 2) as gathering, ThreadPoolExecutor(2) as pool:
        errors = [pool.submit(gathering.wait).exception for _ in range(2)]
        kinds = {type(error(timeout=60)) for error in errors}

    assert kinds == {TimeoutError, BrokenBarrierError}


@NEEDS_API_OF_AIRFLOW_3
@pytest.mark.parametrize("key", [case.key for case in CASES if case.is_limit])
def test_a_known_limit_has_a_name(key: str) -> None:
    (case,) = (case for case in CASES if case.key == key)
    assert case.limit
