"""The load of a fleet: DAG runs of many mapped runs each, how far they have come, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from tests.chaos.judge import GRACE
from tests.fleet.losses import DEAD, MISMATCH, REQUEUED, STUCK, lost_attempts
from tests.fleet.topology import Fleet
from tests.fleet.verdict import Crawl, Expected, Left
from tools.lab import FINISHED_RUN_STATES, DagRunKey, TaskInstance, wait_until

DAG = "fleet"
CRAWL, SAVE = "crawl", "save"
ANY_TASK = f"/dags/{DAG}/dagRuns/~/taskInstances"
ITEMS = 200
RUN_SECONDS = 120
"""How long a run at Apify goes on."""
OVER = ("success", "failed", "skipped", "upstream_failed", "removed")


class Size(NamedTuple):
    """How much there is to do.

    :param runs: mapped runs, in all.
    :param dag_runs: over how many DAG runs they are spread, evenly.
    """

    runs: int = 300
    dag_runs: int = 3

    @property
    def of_each(self) -> int:
        """How many runs a DAG run has."""
        return self.runs // self.dag_runs


class Load:
    """The load, under way.

    :param fleet: what carries it.
    """

    def __init__(self, fleet: Fleet, size: Size) -> None:
        self.fleet = fleet
        self.size = size
        fleet.client.unpause(DAG)
        self._runs = [self._trigger(number) for number in range(size.dag_runs)]

    def started(self) -> int:
        """Return how many runs were started at Apify."""
        return self.fleet.apify.ledger(slim=True).runs_started

    def in_state(self, state: str, task_id: str) -> int:
        """Return how many instances of a task are in a state."""
        return self.fleet.client.count(ANY_TASK, state=state, task_id=task_id)

    def progress(self) -> str:
        """Say how far it has come."""
        deferred = self.in_state("deferred", CRAWL)
        crawled, saved = (self.in_state("success", task_id) for task_id in (CRAWL, SAVE))
        return f"{self.started()} runs started, {deferred} tasks deferred, {crawled} runs taken, {saved} files"

    def lost(self) -> dict[str, int]:
        """Return how many attempts Airflow has lost, by how."""
        return lost_attempts(event for name in (DEAD, MISMATCH, STUCK) for event in self._events(name))

    def requeued(self) -> int:
        """Return how often Airflow has queued a task again that had stayed queued for too long."""
        return len(self._events(REQUEUED))

    def is_over(self) -> bool:
        """Tell whether all DAG runs have ended."""
        return all(self.fleet.client.run_state(run) in FINISHED_RUN_STATES for run in self._runs)

    def wait(self, timeout: float) -> None:
        """Wait until all DAG runs have ended, and for what may still be about to end at Apify.

        :param timeout: seconds; what goes on then is left to the verdict.
        """
        _wait_quietly(self.is_over, timeout)
        _wait_quietly(lambda: not self.fleet.apify.ledger(slim=True).runs_going, GRACE.total_seconds())

    def left(self) -> Left:
        """Return what is left."""
        tasks = [task for run in self._runs for task in self._tasks(run)]
        return Left(
            crawls=[crawl for run in self._runs for crawl in self._crawls(run)],
            runs=self.fleet.apify.ledger(slim=True).runs,
            files=list(self._files()),
            dag_runs=[self.fleet.client.run_state(run) for run in self._runs],
            unfinished=sum(task.state not in OVER for task in tasks),
        )

    def attempts(self) -> dict[str, int]:
        """Return how many attempts all instances of each mapped task have taken."""
        tasks = [task for run in self._runs for task in self._tasks(run)]
        return {name: sum(task.try_number for task in tasks if task.task_id == name) for name in (CRAWL, SAVE)}

    def _trigger(self, number: int) -> DagRunKey:
        first = number * self.size.of_each * ITEMS
        conf = {"count": self.size.of_each, "first": first, "items": ITEMS, "seconds": RUN_SECONDS}
        return self.fleet.client.trigger(DAG, conf, run_id=f"fleet-{number}")

    def _events(self, name: str) -> list[dict[str, Any]]:
        return self.fleet.client.entries("/eventLogs", "event_logs", dag_id=DAG, event=name)

    def _tasks(self, run: DagRunKey) -> list[TaskInstance]:
        return self.fleet.client.task_instances(run)

    def _crawls(self, run: DagRunKey) -> Iterator[Crawl]:
        """Yield one for each mapped task that there should be, whether or not it is there."""
        ends = {task.map_index: task.end_date for task in self._tasks(run) if task.task_id == CRAWL}
        for index in range(self.size.of_each):
            result: Any = self.fleet.client.xcom(run, CRAWL, map_index=index)
            end = ends.get(index)
            yield Crawl(result=result and result["run_id"], ended_at=datetime.fromisoformat(end) if end else None)

    def _files(self) -> Iterator[Expected]:
        folder = self.fleet.collect_files()
        for number, run in enumerate(self._runs):
            for index in range(self.size.of_each):
                first = (number * self.size.of_each + index) * ITEMS
                yield Expected(path=folder / run.run_id / f"{index}.jsonl", first=first, items=ITEMS)


def _wait_quietly(condition: Callable[[], bool], timeout: float) -> None:
    try:
        wait_until(condition, "the end", timeout=timeout, poll=2)
    except TimeoutError:
        return
