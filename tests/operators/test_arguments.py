from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_apify.operators.run_actor import RunActorOperator


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"actor_id": None}, "Give exactly one of actor_id .* and actor_task_id .* task_id is the name"),
        ({"actor_task_id": "me/task"}, "Give exactly one of actor_id"),
        ({"actor_id": "me/my actor"}, "'me/my actor' is no Actor ID. Write the ID from Apify Console"),
        ({"actor_id": ""}, "is no"),
        ({"actor_id": 5}, "Actor ID must be a string, not 5"),
        ({"actor_id": None, "actor_task_id": "../../users/me"}, "is no Actor task ID"),
        ({"run_input": "{no json"}, "run_input is a string that holds no JSON.*ends in .json"),
        ({"run_input": {"rate": float("nan")}}, "NaN or an infinite number.* use null"),
        ({"run_input": {"when": timedelta(1)}}, "cannot be written as JSON"),
        ({"run_input": {"text": "x" * (9 * 2**20)}}, r"at most 9,437,184 \(9 MiB\). Put large data into"),
        ({"build": 5}, "build must be a string, not 5"),
        ({"memory": 1000}, "memory must be one of 128, 256, .* megabytes, not 1000"),
        ({"memory": "a lot"}, "memory must be a whole number"),
        ({"run_timeout": -1}, "run_timeout must be a whole number of seconds, at least 0"),
        ({"run_timeout": "5 minutes"}, "run_timeout must be a whole number of seconds, at least 0, not '5 minutes'"),
        ({"max_items": 0}, "max_items must be a whole number, at least 1"),
        ({"max_items": 1.5}, "max_items must be a whole number"),
        ({"max_total_charge_usd": 0}, "max_total_charge_usd must be US dollars above 0, for example 2.5"),
        ({"max_total_charge_usd": Decimal("Infinity")}, "max_total_charge_usd must be US dollars"),
        ({"restart_on_error": "maybe"}, "restart_on_error must be True or False"),
        ({"webhooks": [{"requestUrl": "https://example.com"}]}, "with 'eventTypes' and 'requestUrl'"),
        ({"force_permission_level": "ALL"}, "must be one of LIMITED_PERMISSIONS, FULL_PERMISSIONS"),
        (
            {"actor_id": None, "actor_task_id": "me/task", "force_permission_level": "FULL_PERMISSIONS"},
            "works with actor_id only",
        ),
        ({"accept_statuses": ("SUCCEEDED", "RUNNING")}, "take final statuses .* not RUNNING"),
        ({"skip_statuses": ("FAILD",)}, "take final statuses .* not FAILD"),
        ({"abort_on_kill": "no"}, "abort_on_kill must be True or False, not 'no'"),
        ({"deferrable": 1}, "deferrable must be True or False, not 1"),
        ({"wait_for_completion": None}, "wait_for_completion must be True or False, not None"),
        ({"validate_input": "maybe"}, "validate_input must be True or False, not 'maybe'"),
        ({"apify_conn_id": None}, "apify_conn_id must be a string, not None"),
        ({"skip_statuses": ("SUCCEEDED",)}, "SUCCEEDED cannot be both in accept_statuses and in skip_statuses"),
        (
            {"webhooks": [{"eventTypes": ["ACTOR.RUN.ENDED"], "requestUrl": "https://example.com"}]},
            "'eventTypes' of webhooks must be a list of some of",
        ),
        ({"log_lines": "all"}, "log_lines must be a whole number, at least 0, not 'all'"),
        ({"abort_above_usd": -1}, "abort_above_usd must be US dollars above 0"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RunActorOperator(**({"task_id": "task", "actor_id": "apify/scenario"} | arguments))
