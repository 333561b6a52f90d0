"""Mapped tasks that wait for a pool without slots, until the benchmark defers them."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseOperator, conf


class Wait(BaseOperator):
    """A task whose deferral is written into the database instead of being executed."""

    def __init__(self, *, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Resume; the pool keeps this from happening, so that no worker disturbs the measurement."""


numbers = list(range(conf.getint("benchmarks", "crowd_size")))
for name in ("crowd_0", "crowd_1"):
    with DAG(name, schedule=None) as dag:
        Wait.partial(task_id="wait", pool="no_worker").expand(number=numbers)
    globals()[name] = dag
