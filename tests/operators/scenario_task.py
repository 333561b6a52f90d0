"""Tasks of the Actor whose input says how its run goes."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify.operators.run_actor import RunActorOperator

SCENARIO = "apify/scenario"
NOT_FOUND: dict[str, Any] = {"status": 404, "error_type": "record-not-found", "times": None}
waiting_both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["on a worker", "in the triggerer"])


def run_scenario(**arguments: Any) -> RunActorOperator:
    """Make the task of most tests; ``run_input`` says how the run goes."""
    defaults: dict[str, Any] = {"task_id": "task", "actor_id": SCENARIO, "deferrable": False}
    return RunActorOperator(**(defaults | arguments))
