from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.fleet.blows import BLOWS, Blow, done, started, strike, taken_over
from tests.fleet.containers import CONTAINERS
from tests.fleet.load import Size
from tests.fleet.topology import BROKER, SCHEDULERS, TRIGGERERS, WORKERS


class FakeLoad:
    """A load whose counts are what a test says; each look at them goes one further."""

    def __init__(
        self, *counts: int, jobs: list[list[int]] | None = None, watching: list[list[int | None]] | None = None
    ) -> None:
        self.size = Size(runs=100)
        self.counts, self.jobs, self.watching = list(counts), jobs or [], watching or []
        self.ends = False
        self.acts: list[str] = []
        self.fleet = SimpleNamespace(kill=self._noted("kill"), bring_back=self._noted("bring back"), client=self)

    def _noted(self, what: str) -> Any:
        return lambda part: self.acts.append(f"{what} {part} at {self.counts[0]}")

    def is_over(self) -> bool:
        return self.ends

    def started(self) -> int:
        return self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]

    def in_state(self, state: str, task_id: str) -> int:
        assert (state, task_id) == ("success", "save")
        return self.started()

    def call(self, _method: str, _path: str, **_which: Any) -> dict[str, Any]:
        return {"jobs": [{"id": job} for job in self.jobs.pop(0)]}

    def entries(self, _path: str, _key: str, **_which: Any) -> list[dict[str, Any]]:
        return [{"triggerer_job": job and {"id": job}} for job in self.watching.pop(0)]


def unheard(_words: str) -> None:
    """Take what is for the terminal."""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fleet.blows.POLL_SECONDS", 0)


def test_a_part_dies_when_it_is_time_and_comes_back_when_it_is_time() -> None:
    load: Any = FakeLoad(0, 9, 10, 24, 25, 26)
    said: list[str] = []
    struck = strike(load, Blow("worker", started(0.1), started(0.25), ""), timeout=5, tell=said.append)
    assert load.acts == ["kill worker at 24", "bring back worker at 26"]
    assert struck.blow.part == "worker"
    assert not struck.is_late
    assert len(said) == 2


def test_a_part_comes_back_though_the_moment_for_it_never_comes() -> None:
    load: Any = FakeLoad(10)
    with pytest.raises(TimeoutError, match="the redis to come back"):
        strike(load, Blow("redis", started(0.1), done("save", 0.5), ""), timeout=0.01, tell=unheard)
    assert load.acts == ["kill redis at 10", "bring back redis at 10"]


def test_nothing_dies_before_its_moment() -> None:
    load: Any = FakeLoad(9)
    with pytest.raises(TimeoutError, match="the moment to kill the worker"):
        strike(load, Blow("worker", started(0.1), started(0.2), ""), timeout=0.01, tell=unheard)
    assert load.acts == []


def test_a_blow_that_comes_when_all_is_over_says_so() -> None:
    load: Any = FakeLoad(9)
    load.ends = True
    struck = strike(load, Blow("worker", started(0.1), started(0.2), ""), timeout=5, tell=unheard)
    assert struck.is_late
    assert load.acts == ["kill worker at 9", "bring back worker at 9"]


@pytest.mark.parametrize(
    ("alive", "watching", "expected"),
    [
        ([1, 2], [1, 2], False),
        ([2], [1, 2], False),
        ([2], [None, 2], False),
        ([2], [2, 2], True),
        ([2], [], True),
    ],
)
def test_a_triggerer_has_taken_over_when_it_alone_is_alive_and_watches_all(
    alive: list[int], watching: list[int | None], expected: bool
) -> None:
    load: Any = FakeLoad(0, jobs=[alive], watching=[watching])
    assert taken_over(load)() is expected


def test_a_worker_a_scheduler_a_triggerer_and_the_broker_are_killed() -> None:
    killed = {blow.part for blow in BLOWS}
    assert BROKER in killed
    assert all(killed & set(parts) for parts in (WORKERS, SCHEDULERS, TRIGGERERS))


def test_what_is_killed_is_a_container_of_its_own() -> None:
    assert {blow.part for blow in BLOWS} <= set(CONTAINERS)
    assert len(set(CONTAINERS.values())) == len(CONTAINERS)
