"""What a task that runs an Actor is told: checked when the DAG is parsed, read when it runs."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast, get_args

import pendulum
from airflow.providers.common.compat.sdk import conf

from airflow_provider_apify._airflow.arguments import Name
from airflow_provider_apify._api.runs.choosing import OnFailedRun, Terms
from airflow_provider_apify._api.runs.input import check_input
from airflow_provider_apify._api.runs.waiting import SHORTEST_POLL_SECONDS
from airflow_provider_apify._arguments.keywords import TIMEOUT, refuse
from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify._arguments.values import parse_dollars, parse_seconds, parse_text, parse_whole_number
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import FINISHED_STATUSES, SUCCEEDED
from airflow_provider_apify.operators._base import ApifyTask
from airflow_provider_apify.options import RunOptions, Target, check_options, check_target

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

OPTIONS = RunOptions.names()
_LONGEST_CAPACITY_PAUSE_SECONDS = 20.0
# Each look of a deferred task takes a worker for a moment.
_LONGEST_DEFERRED_PAUSE_SECONDS = 60.0
# The run's own timeout comes before the task's deadline: by a tenth, or this.
_LARGEST_MARGIN_SECONDS = 30.0


class RunArguments(ApifyTask):
    """The arguments of :class:`~airflow_provider_apify.operators.run_actor.RunActorOperator`, described there."""

    template_fields: Sequence[str] = (
        *("actor_id", "actor_task_id", "run_input"),
        *OPTIONS,
        *("abort_above_usd", "apify_conn_id"),
    )
    template_fields_renderers = {"run_input": "json", "webhooks": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self,
        *,
        actor_id: Name | None = None,
        actor_task_id: Name | None = None,
        run_input: Any = None,
        build: str | None = None,
        memory: int | str | None = None,
        run_timeout: int | timedelta | str | None = None,
        max_items: int | str | None = None,
        max_total_charge_usd: float | str | None = None,
        restart_on_error: bool | str | None = None,
        webhooks: Sequence[Mapping[str, Any]] | str | None = None,
        force_permission_level: str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | None = None,
        accept_statuses: Collection[str] = (SUCCEEDED,),
        skip_statuses: Collection[str] = (),
        on_failed_run: OnFailedRun = "new",
        abort_on_kill: bool = True,
        abort_above_usd: float | str | None = None,
        wait_for_capacity: float | timedelta = 0,
        cost_settle_seconds: float | timedelta | None = None,
        log_lines: int = 20,
        follow_log: bool = False,
        validate_input: bool = False,
        **kwargs: Any,
    ) -> None:
        refuse(self, kwargs, TIMEOUT)
        super().__init__(**kwargs)
        self.actor_id = cast("str | None", actor_id)
        self.actor_task_id = cast("str | None", actor_task_id)
        self.run_input = run_input
        self.build = build
        self.memory = memory
        self.run_timeout = run_timeout
        self.max_items = max_items
        self.max_total_charge_usd = max_total_charge_usd
        self.restart_on_error = restart_on_error
        self.webhooks = webhooks
        self.force_permission_level = force_permission_level
        self.apify_conn_id = apify_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.accept_statuses = tuple(accept_statuses)
        self.skip_statuses = tuple(skip_statuses)
        self.on_failed_run = on_failed_run
        self.abort_on_kill = abort_on_kill
        self.abort_above_usd = abort_above_usd
        self.wait_for_capacity = wait_for_capacity
        self.cost_settle_seconds = cost_settle_seconds
        self.log_lines = log_lines
        self.follow_log = follow_log
        self.validate_input = validate_input
        # Only a whole input is a file: inside of one, URLs may end like this.
        self.template_ext = (".json",) if isinstance(run_input, str) else ()
        self._check_arguments()

    @property
    def target(self) -> Target:
        """What is run.

        :raises ValueError: the templates of ``actor_id`` or ``actor_task_id`` have made nothing of it that could be.
        """
        return Target.choose(self.actor_id, self.actor_task_id)

    @property
    def _terms(self) -> Terms:
        """Which runs of earlier attempts are good."""
        accept = (*self.accept_statuses, *self.skip_statuses)
        return Terms(
            accept=accept,
            on_failed_run=self.on_failed_run,
            cost_limit=self.cost_limit,
            actor=self.target.id,
        )

    @property
    def run_options(self) -> RunOptions:
        """The options of the start; where the task has a deadline, the run ends by itself a little before it."""
        values = {name: getattr(self, name) for name in OPTIONS}
        if values["run_timeout"] is None and self.execution_timeout is not None and self.wait_for_completion:
            whole = self.execution_timeout.total_seconds()
            values["run_timeout"] = max(1, int(whole - min(_LARGEST_MARGIN_SECONDS, whole / 10)))
        return RunOptions.parse(values)

    def deadline_of(self, context: Context) -> float | None:
        """Return ``execution_timeout`` as Unix time; Airflow 3 does not enforce it while the task is deferred."""
        if self.execution_timeout is None:
            return None
        started = context["ti"].start_date or pendulum.now("UTC")
        return (started + self.execution_timeout).timestamp()

    def is_overdue(self, context: Context) -> bool:
        """Tell whether the deadline has passed."""
        deadline = self.deadline_of(context)
        return deadline is not None and time.time() >= deadline

    @property
    def settle_seconds(self) -> float:
        """Seconds after the run's end at which its cost is read."""
        if self.cost_settle_seconds is None:
            return self.hook._connection.cost_settle_seconds
        return parse_seconds("cost_settle_seconds", self.cost_settle_seconds)

    @property
    def poll_seconds(self) -> float | None:
        """Seconds between plain requests; ``None`` long-polls."""
        return None if self.poll_interval is None else parse_seconds("poll_interval", self.poll_interval)

    @property
    def cost_limit(self) -> float | None:
        """US dollars above which the run is aborted: the task's own or the connection's; ``None`` where nobody waits.

        :raises ValueError: the task asks for more than the connection allows.
        """
        if not self.wait_for_completion:
            return None
        given = self.abort_above_usd
        asked = None if given is None else parse_dollars("abort_above_usd", given)
        limit = self.hook._connection.limits.abort_above(asked)
        return None if limit is None else float(limit)

    @property
    def capacity_pause(self) -> float:
        """Seconds between two starts that Apify has no capacity for."""
        longest = _LONGEST_DEFERRED_PAUSE_SECONDS if self.deferrable else _LONGEST_CAPACITY_PAUSE_SECONDS
        return min(longest, parse_seconds("wait_for_capacity", self.wait_for_capacity) / 10)

    def _check_arguments(self) -> None:
        """Check all that is no template.

        :raises ValueError: what can only fail when the task runs, with what to write instead.
        """
        check_target(self.actor_id, self.actor_task_id)
        if self.force_permission_level is not None and self.actor_task_id is not None:
            raise ValueError("force_permission_level works with actor_id only: Apify does not take it for saved tasks.")
        parse_text("apify_conn_id", self.apify_conn_id)
        self._check_flags()
        self._check_statuses()
        self._check_policies()
        check_options({name: getattr(self, name) for name in OPTIONS})
        check_input(self.run_input)

    def _check_flags(self) -> None:
        for name in ("wait_for_completion", "deferrable", "abort_on_kill", "follow_log", "validate_input"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, not {value!r}.")  # noqa: TRY004 - wrong arguments are ValueError

    def _check_statuses(self) -> None:
        for name in ("accept_statuses", "skip_statuses"):
            if not all(len(status) > 1 for status in getattr(self, name)):
                raise ValueError(
                    f'{name} takes a list of statuses, for example ("SUCCEEDED", "TIMED-OUT"), not one string.'
                )
        both = set(self.accept_statuses) & set(self.skip_statuses)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} cannot be both in accept_statuses and in skip_statuses.")
        unknown = {*self.accept_statuses, *self.skip_statuses} - FINISHED_STATUSES
        if unknown:
            raise ValueError(
                f"accept_statuses and skip_statuses take final statuses ({', '.join(sorted(FINISHED_STATUSES))}), "
                f"not {', '.join(sorted(unknown))}.",
            )

    def _check_policies(self) -> None:
        if self.on_failed_run not in get_args(OnFailedRun):
            choices = ", ".join(get_args(OnFailedRun))
            raise ValueError(f"on_failed_run must be one of {choices}, not {self.on_failed_run!r}.")
        parse_whole_number("log_lines", self.log_lines, minimum=0)
        parse_seconds("wait_for_capacity", self.wait_for_capacity)
        if self.follow_log and not self.wait_for_completion:
            raise ValueError("follow_log needs wait_for_completion=True: nothing follows the run otherwise.")
        if self.abort_above_usd is not None:
            if not self.wait_for_completion:
                raise ValueError(
                    "abort_above_usd needs wait_for_completion=True: nothing watches the run otherwise. "
                    "max_total_charge_usd and run_timeout are limits that Apify keeps by itself.",
                )
            if not is_template(self.abort_above_usd):
                parse_dollars("abort_above_usd", self.abort_above_usd)
        if self.poll_interval is not None:
            parse_seconds("poll_interval", self.poll_interval, minimum=SHORTEST_POLL_SECONDS)
        if self.cost_settle_seconds is not None:
            parse_seconds("cost_settle_seconds", self.cost_settle_seconds)
