"""``@task.apify_actor``: a function that says what an Actor is to be run with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from airflow_provider_apify._arguments.values import parse_whole_number
from airflow_provider_apify.decorators._few_items import few_items
from airflow_provider_apify.operators.run_actor import RunActorOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, TaskDecorator

    from airflow_provider_apify.models.runs import RunEvent
    from airflow_provider_apify.operators._task_run import TaskRun

# What the function returns is the input as it stands: a template in it may come from data, or belong to a script.
_TEMPLATED = tuple(name for name in RunActorOperator.template_fields if name != "run_input")


class ApifyActorDecoratedOperator(DecoratedOperator, RunActorOperator):
    """Run an Actor or a saved task with the input that a function returns.

    It starts and waits as :class:`~airflow_provider_apify.operators.run_actor.RunActorOperator` does, and takes its
    arguments but ``run_input``. The function runs on a worker, before the start, once in each attempt. A retry that
    finds the run of the attempt before goes on with that run, whatever the function returns then; only where another
    run is started is the new input used. So let it depend on nothing that changes from attempt to attempt. The input
    is sent to Apify and stored nowhere else: neither as an XCom nor as a rendered template.

    :param python_callable: returns the input: a mapping that is JSON, or ``None`` for the saved or default input. What
        it raises fails the attempt as in any ``@task``; :class:`AirflowSkipException` skips the task.
    :param op_args: positional arguments of the function. (templated)
    :param op_kwargs: keyword arguments of the function. (templated)
    :param return_items: return the items of the run's dataset, so many at most, instead of the run. More, or more than
        1,000,000 bytes of them, fail the task: those belong into a file.
    :return: (XCom) what RunActorOperator returns, or the items.
    """

    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *_TEMPLATED)
    template_fields_renderers = {  # noqa: RUF012 - as Airflow declares it
        **DecoratedOperator.template_fields_renderers,
        "webhooks": "json",
    }
    custom_operator_name = "@task.apify_actor"

    def __init__(self, *, python_callable: Callable[..., Any], return_items: int | None = None, **kwargs: Any) -> None:
        if "run_input" in kwargs:
            raise ValueError("@task.apify_actor takes no run_input: return the input from the function.")
        super().__init__(python_callable=python_callable, run_input=None, **kwargs)
        if inspect.iscoroutinefunction(python_callable):
            raise ValueError("@task.apify_actor takes an ordinary function: it only makes the input, Airflow waits.")
        self.return_items = return_items
        if return_items is not None:
            parse_whole_number("return_items", return_items, minimum=1)
            if not self.wait_for_completion:
                raise ValueError(
                    "return_items needs wait_for_completion=True: a run that goes on has not all its items."
                )
            if self.multiple_outputs:
                raise ValueError("multiple_outputs is for the fields of the run: give False where return_items is.")

    def execute(self, context: Context) -> Any:
        """Start the run with what the function returns, then wait for it here or in the triggerer."""
        # Past DecoratedOperator, which fails on Airflow 3.0: it asks for a method that operators there do not have.
        return RunActorOperator.execute(self, context)

    def _input(self, context: Context) -> Mapping[str, Any] | None:
        context_merge(context, self.op_kwargs)
        arguments = determine_kwargs(self.python_callable, self.op_args, context)
        returned = self.python_callable(*self.op_args, **arguments)
        if returned is not None and not isinstance(returned, Mapping):
            raise AirflowFailException(
                f"The function of @task.apify_actor returns the Actor's input: a mapping, or None for the saved or "
                f"default input, not {type(returned).__name__}.",
            )
        return returned

    def _finish(self, event: RunEvent, task_run: TaskRun) -> Any:
        run = super()._finish(event, task_run)
        return run if self.return_items is None else few_items(self.hook, run["dataset_id"], self.return_items)


def apify_actor_task(
    python_callable: Callable[..., Any] | None = None, *, multiple_outputs: bool | None = None, **kwargs: Any
) -> TaskDecorator:
    """Make a task of a function that returns an Actor's input; in DAG files it is ``@task.apify_actor``.

    :param python_callable: the function.
    :param multiple_outputs: an XCom for each field of the run beside the whole, so that ``crawl(...)["dataset_id"]``
        works; ``None``: yes, but not together with ``return_items``. (What the function is annotated to return is the
        input, and says nothing about that.)
    :param kwargs: arguments of :class:`ApifyActorDecoratedOperator`.
    """
    if multiple_outputs is None:
        multiple_outputs = kwargs.get("return_items") is None
    return task_decorator_factory(
        python_callable=python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=ApifyActorDecoratedOperator,
        **kwargs,
    )
