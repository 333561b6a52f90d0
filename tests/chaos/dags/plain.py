"""What many write today: ``apify-client``'s ``actor.call()`` in a task with retries."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Connection, get_parsing_context, task
from apify_client import ApifyClient

from tests.chaos.case import PLAIN_PREFIX, TASK, Case
from tests.chaos.cases import CASES


def _add_task(case: Case) -> None:
    retries, delay = case.operator.get("retries", 2), case.operator.get("retry_delay", 1)
    seconds = case.operator.get("run_timeout")
    limit = None if seconds is None else timedelta(seconds=seconds)

    @task(task_id=TASK, retries=retries, retry_delay=timedelta(seconds=delay))
    def call(connection_id: str, run_input: dict[str, object]) -> str:
        connection = Connection.get(connection_id)
        client = ApifyClient(str(connection.password), api_url=str(connection.host))
        run = client.actor("apify/scenario").call(run_input=run_input, run_timeout=limit)
        if run is None or run.status != "SUCCEEDED":
            raise RuntimeError(f"The run is not good: {run}")
        return run.id

    call(PLAIN_PREFIX + case.key, dict(case.run_input))


_WANTED = get_parsing_context().dag_id
for _case in CASES:
    if _case.has_plain and _WANTED in {None, PLAIN_PREFIX + _case.key}:
        with DAG(PLAIN_PREFIX + _case.key, schedule=None):
            _add_task(_case)
