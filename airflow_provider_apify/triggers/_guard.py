"""Whether a cancelled trigger's task really gave up its run.

Airflow also cancels a trigger that moves to another triggerer, or that stops with its process; the task is then still
deferred and its run must go on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from airflow_provider_apify._airflow.instance_state import state_of
from airflow_provider_apify._airflow.ownership import End, is_given_up

if TYPE_CHECKING:
    from airflow_provider_apify._airflow.logs import TaskLog

# Seconds between two questions: about four minutes, because a run that nobody watches any more costs money.
_PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0)


async def has_given_up(task_instance: Any, log: TaskLog) -> bool:
    """Ask Airflow whether the trigger's task does not want its run any more.

    :param log: told when Airflow does not answer; it is asked again then, for minutes.
    """
    for pause in _PAUSES:
        try:
            return is_given_up(End.TRIGGER, await sync_to_async(state_of)(task_instance))
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            log.warning("Airflow does not tell the state of the task; asking again: %s", trouble)
        await asyncio.sleep(pause)
    return is_given_up(End.TRIGGER, await sync_to_async(state_of)(task_instance))
