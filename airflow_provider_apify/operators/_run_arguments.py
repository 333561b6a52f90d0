"""What an operator knows of its arguments when the DAG is parsed, before templates are rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_apify._api.request import JSON
from airflow_provider_apify._api.runs.choosing import OnFailedRun
from airflow_provider_apify._api.runs.input import encode_body
from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify.models.runs import FINISHED_STATUSES
from airflow_provider_apify.options import (
    RunOptions,
    Target,
    parse_dollars,
    parse_seconds,
    parse_text,
    parse_whole_number,
)

if TYPE_CHECKING:
    from airflow_provider_apify.operators.run_actor import RunActorOperator

SHORTEST_POLL_SECONDS = 0.1
OPTIONS = (
    "build",
    "memory",
    "timeout",
    "max_items",
    "max_total_charge_usd",
    "restart_on_error",
    "webhooks",
    "force_permission_level",
)
TEMPLATED = ("actor_id", "actor_task_id", "run_input", *OPTIONS, "abort_above_usd", "apify_conn_id")


def check_arguments(operator: RunActorOperator) -> None:
    """Raise :class:`ValueError` for what can only fail when the task runs."""
    check_target(operator.actor_id, operator.actor_task_id)
    if operator.force_permission_level is not None and operator.actor_task_id is not None:
        raise ValueError("force_permission_level works with actor_id only: Apify does not take it for saved tasks.")
    parse_text("apify_conn_id", operator.apify_conn_id)
    _check_flags(operator)
    _check_statuses(operator)
    _check_policies(operator)
    check_options({name: getattr(operator, name) for name in OPTIONS})
    check_input(operator.run_input)


def check_target(actor_id: str | None, actor_task_id: str | None) -> None:
    """Raise :class:`ValueError` unless exactly one is given, and names one, or is a template."""
    given = [target for target in (actor_id, actor_task_id) if target is not None]
    if len(given) != 1 or not is_template(given):
        Target.choose(actor_id, actor_task_id)


def check_options(values: Mapping[str, Any]) -> None:
    """Raise :class:`ValueError` for an option that Apify would refuse, of those that are no templates."""
    RunOptions.parse({name: value for name, value in values.items() if not is_template(value)})


def check_input(run_input: Any, content_type: str = JSON) -> None:
    """Raise :class:`ValueError` for an input that is not of its type, unless it is a file or holds a template."""
    is_file = isinstance(run_input, str) and run_input.endswith(".json")
    if not is_file and not is_template(run_input):
        encode_body(run_input, content_type)


def _check_flags(operator: RunActorOperator) -> None:
    for name in ("wait_for_completion", "deferrable", "abort_on_kill", "validate_input"):
        value = getattr(operator, name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, not {value!r}.")  # noqa: TRY004 - wrong arguments are ValueError


def _check_statuses(operator: RunActorOperator) -> None:
    for name in ("accept_statuses", "skip_statuses"):
        if not all(len(status) > 1 for status in getattr(operator, name)):
            raise ValueError(
                f'{name} takes a list of statuses, for example ("SUCCEEDED", "TIMED-OUT"), not one string.'
            )
    both = set(operator.accept_statuses) & set(operator.skip_statuses)
    if both:
        raise ValueError(f"{', '.join(sorted(both))} cannot be both in accept_statuses and in skip_statuses.")
    unknown = {*operator.accept_statuses, *operator.skip_statuses} - FINISHED_STATUSES
    if unknown:
        raise ValueError(
            f"accept_statuses and skip_statuses take final statuses ({', '.join(sorted(FINISHED_STATUSES))}), "
            f"not {', '.join(sorted(unknown))}.",
        )


def _check_policies(operator: RunActorOperator) -> None:
    if operator.on_failed_run not in get_args(OnFailedRun):
        choices = ", ".join(get_args(OnFailedRun))
        raise ValueError(f"on_failed_run must be one of {choices}, not {operator.on_failed_run!r}.")
    parse_whole_number("log_lines", operator.log_lines, minimum=0)
    parse_seconds("wait_for_capacity", operator.wait_for_capacity)
    if operator.abort_above_usd is not None:
        if not operator.wait_for_completion:
            raise ValueError(
                "abort_above_usd needs wait_for_completion=True: nothing watches the run otherwise. "
                "max_total_charge_usd and timeout are limits that Apify keeps by itself.",
            )
        if not is_template(operator.abort_above_usd):
            parse_dollars("abort_above_usd", operator.abort_above_usd)
    if operator.poll_interval is not None:
        parse_seconds("poll_interval", operator.poll_interval, minimum=SHORTEST_POLL_SECONDS)
    if operator.cost_settle_seconds is not None:
        parse_seconds("cost_settle_seconds", operator.cost_settle_seconds)
