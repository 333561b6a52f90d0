"""A notifier that starts an Actor or a saved task: when a task or a DAG fails, succeeds, or misses its deadline."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_apify._api.runs.input import check_input
from airflow_provider_apify._arguments.keywords import TIMEOUT, refuse
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target, check_options, check_target

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_apify.models.runs import ActorRun

_OPTIONS = RunOptions.names("notifier")
# A callback that is called twice is so within minutes.
_LOOK_BACK = timedelta(minutes=15)


# Airflow waits for a callback: an outage ends it soon.
_RETRY = RetryPolicy(attempts=3, patient_attempts=3)


class ApifyNotifier(BaseNotifier):
    """Start an Actor or a saved task in a callback, and do not wait for its run.

    For ``on_failure_callback`` and its kin of tasks and DAGs, and on Airflow 3.1 and later for deadlines, as
    ``AsyncCallback(ApifyNotifier, kwargs={...})``. Give exactly one of ``actor_id`` and ``actor_task_id``.

    A callback starts one run: where the answer is lost the run is looked up, and where Airflow calls the callback of an
    attempt again, with the same input, because the worker died meanwhile, the run of before is found. So two callbacks
    of one attempt that are to start two runs of one Actor need different inputs. Where the context does not say what
    happened (deadlines on Airflow 3.1, DAGs without any task), a second call starts a second run. Nobody watches the
    run: give it a ``run_timeout``, and a connection without ``limit_abort_above_usd``, which starts only what is
    watched.

    What goes wrong is logged by Airflow, and changes nothing for the task.

    :param actor_id: Actor ID, ``username/actor-name``, or the address of its page at Apify. (templated)
    :param actor_task_id: the same of a saved Apify task. (templated)
    :param run_input: any JSON value, or JSON text; ``None`` for the saved or default input. (templated)
    :param build: tag or number of the Actor's build. (templated)
    :param memory: megabytes, a power of 2 from 128 to 32768. (templated)
    :param run_timeout: seconds after which Apify stops the run. (templated)
    :param max_items: for Actors paid per result, how many may be charged at most. (templated)
    :param max_total_charge_usd: for Actors paid per event, US dollars that may be charged at most. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :raises ValueError: when the DAG is parsed, wrong arguments.
    """

    template_fields: Sequence[str] = ("actor_id", "actor_task_id", "run_input", *_OPTIONS, "apify_conn_id")

    def __init__(
        self,
        *,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        run_input: Any = None,
        build: str | None = None,
        memory: int | str | None = None,
        run_timeout: int | str | None = None,
        max_items: int | str | None = None,
        max_total_charge_usd: float | str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        refuse(self, kwargs, TIMEOUT)
        super().__init__(**kwargs)
        self.actor_id = actor_id
        self.actor_task_id = actor_task_id
        self.run_input = run_input
        self.build = build
        self.memory = memory
        self.run_timeout = run_timeout
        self.max_items = max_items
        self.max_total_charge_usd = max_total_charge_usd
        self.apify_conn_id = apify_conn_id
        check_target(actor_id, actor_task_id)
        check_options({name: getattr(self, name) for name in _OPTIONS})
        check_input(run_input)

    def __call__(self, *args: Any) -> None:
        """Render and notify on a copy: Airflow renders in place, and one notifier may serve several tasks."""
        BaseNotifier.__call__(copy(self), *args)

    def notify(self, context: Context) -> None:
        """Start the run."""
        hook = ApifyHook(self.apify_conn_id, retry=_RETRY)
        how = self._how(context)
        self._tell(hook.start_run_once(self._key(context), self._target, self.run_input, **how))

    async def async_notify(self, context: Context) -> None:
        """Start the run, on the event loop of a triggerer."""
        hook = ApifyHook(self.apify_conn_id, retry=_RETRY)
        how = self._how(context)
        self._tell(await hook.async_start_run_once(self._key(context), self._target, self.run_input, **how))

    @property
    def _target(self) -> Target:
        return Target.choose(self.actor_id, self.actor_task_id)

    def _how(self, context: Context) -> dict[str, Any]:
        options = RunOptions.parse({name: getattr(self, name) for name in _OPTIONS})
        since = datetime.now(UTC) - _LOOK_BACK
        return {"options": options, "since": since, "may_exist": _may_be_called_again(context)}

    def _key(self, context: Context) -> str:
        """Say what happened and what follows, the same whenever this very callback is called."""
        follows = [getattr(self, name) for name in self.template_fields]
        return json.dumps(["callback", *_occasion(context), *follows], sort_keys=True, default=str)

    def _tell(self, run: ActorRun) -> None:
        self.log.info("Run %s of %s is %s: %s", run.id, self._target, run.status, run.console_url)


def _may_be_called_again(context: Mapping[str, Any]) -> bool:
    """Tell whether this very callback may have been called before.

    Airflow calls it once: in the worker, which knows the exception or the state, or in the DAG processor for a whole
    DAG. Only where the worker dies is it called again, in the DAG processor, where neither is known; so are deadlines.
    """
    is_of_dag, has_failed_here = "reason" in context, isinstance(context.get("exception"), BaseException)
    state = getattr(context.get("ti"), "state", None)
    is_in_worker = str(getattr(state, "value", state)) in {"running", "success", "skipped"}
    return not (is_of_dag or has_failed_here or is_in_worker)


def _occasion(context: Mapping[str, Any]) -> list[Any]:
    """Return what tells this occasion from all others; something new where the context does not say."""
    deadline, ti, dag_run = (context.get(name) for name in ("deadline", "ti", "dag_run"))
    if deadline:
        return ["deadline", deadline["id"]]
    if ti is None and dag_run is None:
        return [uuid.uuid4().hex]
    # A DAG run that is cleared begins anew, but the task that its callback is told of may be the same.
    began = getattr(dag_run, "start_date", None)
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
    about = "DAG" if "reason" in context else "task"
    return [about, began and began.timestamp(), *(getattr(ti or dag_run, name, None) for name in names)]
