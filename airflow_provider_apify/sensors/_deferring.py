"""What the sensors share that may wait in the triggerer."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger


class DeferrableSensor(BaseSensorOperator):
    """Poke, or look once and defer.

    :param deferrable: wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    """

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Poke here, or look once and defer while there is something to wait for."""
        if not self.deferrable:
            return super().execute(context)
        looked = self._look_before_deferring(context)
        if not looked.is_done:
            self.defer(
                trigger=self._trigger(),
                timeout=timedelta(seconds=self.timeout),
                method_name="execute_complete",
            )
        return looked.xcom_value

    @abstractmethod
    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""

    @abstractmethod
    def _trigger(self) -> BaseTrigger:
        """Return what waits in the triggerer."""

    def _look_before_deferring(self, context: Context) -> PokeReturnValue:
        """Poke; what can only end badly skips the sensor where it may, as it does in Airflow's own loop."""
        try:
            return self.poke(context)
        except AirflowFailException as error:
            if self.soft_fail or getattr(self, "never_fail", False):
                raise AirflowSkipException(str(error)) from error
            raise
