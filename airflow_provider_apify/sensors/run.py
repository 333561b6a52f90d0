"""The sensor that waits for a run somebody else started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import PokeReturnValue

from airflow_provider_apify._airflow.failing import failing_fast, for_good
from airflow_provider_apify._airflow.run_progress import ProgressLog
from airflow_provider_apify._arguments.references import check_id
from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify.exceptions import ApifyRunError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ORIGINS, STATUSES, ActorRun, RunEvent
from airflow_provider_apify.operators._base import ApifyTask
from airflow_provider_apify.options import Target
from airflow_provider_apify.sensors._deferring import DeferrableSensor
from airflow_provider_apify.triggers.run import ApifyLastRunTrigger, ApifyRunTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class ApifyRunSensor(ApifyTask, DeferrableSensor):
    """Wait until a run has ``SUCCEEDED``; fail, or skip with ``soft_fail``, if it ends in any other way.

    It watches either one run (``run_id``) or the newest run of an Actor or task, and waits for one where there is none
    yet. It never aborts a run. ``timeout``, ``poke_interval``, ``mode`` and ``soft_fail`` are Airflow's own.

    Reference: https://docs.apify.com/api/v2/actor-run-get, https://docs.apify.com/api/v2/act-runs-last-get

    :param run_id: the run to watch: its ID, or the address of its page at Apify. (templated)
    :param actor_id: watch the newest run of this Actor: ID, ``username/actor-name`` or address. (templated)
    :param actor_task_id: watch the newest run of this saved task. (templated)
    :param status: with ``actor_id`` or ``actor_task_id``: only a run in this status. (templated)
    :param origin: with ``actor_id`` or ``actor_task_id``: only a run started this way, for example ``"SCHEDULER"``,
        ``"API"``, ``"WEB"``. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :param deferrable: wait in the triggerer, by long-poll, instead of poking. Default: Airflow's
        ``[operators] default_deferrable``.
    :return: (XCom) the run, as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: the run ended badly, there is no such run, Actor or task, or another error that no
        retry can cure.
    """

    template_fields: Sequence[str] = ("run_id", "actor_id", "actor_task_id", "status", "origin", "apify_conn_id")

    def __init__(
        self,
        *,
        run_id: str | None = None,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        status: str | None = None,
        origin: str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.actor_id = actor_id
        self.actor_task_id = actor_task_id
        self.status = status
        self.origin = origin
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Resume after the trigger fired."""
        return self._judge(RunEvent.from_payload(event).run)

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once."""
        with failing_fast():
            run = self._look()
        if run is None:
            self.log.info("%s has no such run yet.", self._target())
            return PokeReturnValue(is_done=False)
        ProgressLog(self.log)(run)
        return PokeReturnValue(is_done=run.is_finished, xcom_value=self._judge(run) if run.is_finished else None)

    def _look(self) -> ActorRun | None:
        if self.run_id is not None:
            return self.hook.get_run(self.run_id)
        return self.hook.look_for_last_run(self._target(), status=self.status, origin=self.origin)

    def _judge(self, run: ActorRun) -> dict[str, Any]:
        """Return the run if it succeeded. A finished run stays as it is, so a retry of the sensor cannot help."""
        try:
            run.raise_for_status(actor=None if self.run_id else self._target().id)
        except ApifyRunError as error:
            raise for_good(error) from error
        return run.to_dict()

    def _trigger(self) -> ApifyRunTrigger | ApifyLastRunTrigger:
        if self.run_id is not None:
            return ApifyRunTrigger(run_id=self.run_id, apify_conn_id=self.apify_conn_id)
        target = self._target()
        return ApifyLastRunTrigger(
            target_kind=target.kind,
            target_id=target.id,
            apify_conn_id=self.apify_conn_id,
            status=self.status,
            origin=self.origin,
            poke_interval=self.poke_interval,
        )

    def _target(self) -> Target:
        return Target.choose(self.actor_id, self.actor_task_id)

    def _check_arguments(self) -> None:
        """Check what is known before templates are rendered, so that a mistake shows when the DAG is parsed."""
        watched = [self.run_id, self.actor_id, self.actor_task_id]
        if sum(one is not None for one in watched) != 1:
            raise ValueError(
                "Give exactly one of run_id (a run), actor_id and actor_task_id (the newest run of an Actor or task).",
            )
        check_id("run", self.run_id)
        if self.run_id is not None and (self.status is not None or self.origin is not None):
            raise ValueError("status and origin choose among the runs of actor_id or actor_task_id; run_id needs none.")
        if self.run_id is None and not is_template((self.actor_id, self.actor_task_id)):
            self._target()
        for name, value, allowed in (("status", self.status, STATUSES), ("origin", self.origin, ORIGINS)):
            if value is not None and not is_template(value) and value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(sorted(allowed))}, not {value!r}.")
