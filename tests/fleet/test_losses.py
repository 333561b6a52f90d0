from __future__ import annotations

from typing import Any

from tests.fleet.losses import DEAD, MISMATCH, NOT_TAKEN, OTHERWISE, OVERTAKEN, STUCK, WORKER_DIED, lost_attempts


def an_event(event: str, index: int = 0, *, executor: str = "failed", task: str = "queued") -> dict[str, Any]:
    words = (
        f"Executor reported that it finished with state {executor}, but the task instance's state attribute is {task}."
    )
    return {"event": event, "run_id": "r", "task_id": "crawl", "map_index": index, "try_number": 1, "extra": words}


def test_an_attempt_of_a_dead_worker_counts_once_though_the_executor_tells_of_it_too() -> None:
    events = [an_event(MISMATCH, task="running"), an_event(DEAD)]
    assert lost_attempts(events) == {WORKER_DIED: 1, NOT_TAKEN: 0, OVERTAKEN: 0, OTHERWISE: 0}


def test_each_attempt_counts_by_how_it_was_lost() -> None:
    events = [
        an_event(MISMATCH, 1),
        an_event(MISMATCH, 2, executor="success"),
        an_event(MISMATCH, 3, task="running"),
        an_event(STUCK, 4),
        an_event("success", 5),
    ]
    assert lost_attempts(events) == {WORKER_DIED: 0, NOT_TAKEN: 1, OVERTAKEN: 1, OTHERWISE: 2}
