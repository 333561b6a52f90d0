"""The sensor that waits for room in an Apify account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import PokeReturnValue

from airflow_provider_apify._airflow.failing import WatchedForError, failing_fast
from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify._arguments.values import parse_dollars, parse_whole_number
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.account import Room
from airflow_provider_apify.operators._base import ApifyTask
from airflow_provider_apify.sensors._deferring import DeferrableSensor
from airflow_provider_apify.triggers.account import ApifyAccountTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class ApifyCapacitySensor(ApifyTask, DeferrableSensor):
    """Wait until the account has room: free run slots, free memory, and some of the month's budget left.

    It reserves nothing: what starts after it may find the room taken by somebody else. ``wait_for_capacity`` of
    :class:`~airflow_provider_apify.operators.run_actor.RunActorOperator` waits for the start itself; this sensor holds
    back a whole part of a DAG, and knows of the budget. Apify counts usage some seconds late. ``timeout``,
    ``poke_interval`` and ``mode`` are Airflow's own. ``soft_fail`` skips when the time is over, or at once where the
    account never has so much; a wrong token or argument fails the task all the same.

    Reference: https://docs.apify.com/api/v2/users-me-limits-get

    :param min_run_slots: how many runs must be possible at the same time, beside those that go on; 0 does not look.
        (templated)
    :param min_memory: megabytes that must be free for them. (templated)
    :param min_budget_usd: US dollars of the month's usage limit that must be left. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``, whose token may see the account's limits. (templated)
    :param deferrable: wait in the triggerer, which looks about every ``poke_interval`` seconds, too. Default: Airflow's
        ``[operators] default_deferrable``.
    :return: (XCom) the room that there is: ``memory``, ``run_slots``, and ``budget_usd`` as text.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: the account never has so much, or an error that no retry can cure.
    """

    template_fields: Sequence[str] = ("min_run_slots", "min_memory", "min_budget_usd", "apify_conn_id")

    def __init__(
        self,
        *,
        min_run_slots: int | str = 1,
        min_memory: int | str | None = None,
        min_budget_usd: float | str | Decimal | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.min_run_slots = min_run_slots
        self.min_memory = min_memory
        self.min_budget_usd = min_budget_usd
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Resume after the trigger fired."""
        return dict(event)

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once."""
        with failing_fast():
            self._check_arguments()  # again, with the templates rendered
            needed, limits = self._needed, self.hook.get_limits()
        if not limits.whole.is_enough_for(needed):
            raise WatchedForError(f"The account never has {needed}: its limits are {limits.whole}.")
        self.log.info("The account has %s left.", limits.room)
        is_enough = limits.room.is_enough_for(needed)
        return PokeReturnValue(is_done=is_enough, xcom_value=limits.room.to_dict() if is_enough else None)

    @property
    def _needed(self) -> Room:
        return _room(self._given)

    @property
    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("min_run_slots", "min_memory", "min_budget_usd")}

    def _check_arguments(self) -> None:
        """Check what is known before templates are rendered, so that a mistake shows when the DAG is parsed."""
        known = _room({name: value for name, value in self._given.items() if not is_template(value)})
        if known == Room() and not is_template(self._given):
            raise ValueError("Give what to wait for: min_run_slots, min_memory or min_budget_usd.")

    def _trigger(self, context: Context) -> ApifyAccountTrigger:  # noqa: ARG002 - what it watches is the same in every DAG run
        return ApifyAccountTrigger(
            needed=self._needed.to_dict(),
            apify_conn_id=self.apify_conn_id,
            poke_interval=self.poke_interval,
        )


def _room(values: Mapping[str, Any]) -> Room:
    """Read the room that the arguments ask for; those that are ``None``, or missing, ask for nothing."""
    given = {name: value for name, value in values.items() if value is not None}
    budget = given.get("min_budget_usd")
    return Room(
        run_slots=parse_whole_number("min_run_slots", given.get("min_run_slots", 0), minimum=0),
        memory=parse_whole_number("min_memory", given.get("min_memory", 0), minimum=0),
        budget_usd=Decimal(0) if budget is None else parse_dollars("min_budget_usd", budget),
    )
