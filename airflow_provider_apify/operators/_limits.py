"""How long a task waits, and how much its run may use, read from its arguments when the task runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pendulum

from airflow_provider_apify.operators._run_arguments import OPTIONS
from airflow_provider_apify.options import RunOptions, parse_dollars, parse_seconds

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_apify.operators.run_actor import RunActorOperator

_LONGEST_CAPACITY_PAUSE_SECONDS = 20.0
# Each look of a deferred task takes a worker for a moment.
_LONGEST_DEFERRED_PAUSE_SECONDS = 60.0
# The run's own timeout comes before the task's deadline: by a tenth, or this.
_LARGEST_MARGIN_SECONDS = 30.0


class Limits:
    """The limits of one task.

    :param operator: whose arguments are rendered already.
    """

    def __init__(self, operator: RunActorOperator) -> None:
        self._operator = operator

    def deadline(self, context: Context) -> float | None:
        """Return ``execution_timeout`` as Unix time; Airflow 3 does not enforce it while the task is deferred."""
        if self._operator.execution_timeout is None:
            return None
        started = context["ti"].start_date or pendulum.now("UTC")
        return (started + self._operator.execution_timeout).timestamp()

    def is_over(self, context: Context) -> bool:
        """Tell whether the deadline has passed."""
        deadline = self.deadline(context)
        return deadline is not None and time.time() >= deadline

    @property
    def settle(self) -> float:
        """Seconds after the run's end at which its cost is read."""
        given = self._operator.cost_settle_seconds
        if given is None:
            return self._operator.hook.connection.cost_settle_seconds
        return parse_seconds("cost_settle_seconds", given)

    @property
    def poll_interval(self) -> float | None:
        """Seconds between plain requests; ``None`` long-polls."""
        given = self._operator.poll_interval
        return None if given is None else parse_seconds("poll_interval", given)

    @property
    def cost(self) -> float | None:
        """US dollars above which the run is aborted."""
        given = self._operator.abort_above_usd
        return None if given is None else float(parse_dollars("abort_above_usd", given))

    @property
    def capacity_pause(self) -> float:
        """Seconds between two starts that Apify has no capacity for."""
        longest = _LONGEST_DEFERRED_PAUSE_SECONDS if self._operator.deferrable else _LONGEST_CAPACITY_PAUSE_SECONDS
        return min(longest, parse_seconds("wait_for_capacity", self._operator.wait_for_capacity) / 10)

    @property
    def options(self) -> RunOptions:
        """The options of the start; where the task has a deadline, the run ends by itself a little before it."""
        operator = self._operator
        values = {name: getattr(operator, name) for name in OPTIONS}
        if values["timeout"] is None and operator.execution_timeout is not None and operator.wait_for_completion:
            whole = operator.execution_timeout.total_seconds()
            values["timeout"] = max(1, int(whole - min(_LARGEST_MARGIN_SECONDS, whole / 10)))
        return RunOptions.parse(values)
