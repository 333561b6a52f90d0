"""What the sensors share that may wait in the triggerer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_apify._airflow.compat import is_deferral_timeout
from airflow_provider_apify._airflow.failing import WatchedForError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger

# What ``soft_fail`` may skip: what is watched for ended badly, or has not come in time.
_MAY_BE_SKIPPED = (WatchedForError, AirflowSensorTimeout, AirflowTaskTimeout)


class DeferrableSensor(BaseSensorOperator):
    """Poke, or look once and defer.

    ``soft_fail`` skips where what is watched for has ended badly, or has not come in time. A wrong token, a mistyped ID
    or an outage fails the task all the same: Airflow's own sensors would skip there, too, and nobody would look.
    ``never_fail`` skips whatever happens, as Airflow says of it.

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
        with self._skipping_only_what_is_watched_for():
            return self._look_and_defer(context) if self.deferrable else super().execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the trigger fired, failed, or ran out of time."""
        with self._skipping_only_what_is_watched_for():
            return super().resume_execution(next_method, next_kwargs, context)

    @abstractmethod
    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""

    @abstractmethod
    def _trigger(self, context: Context) -> BaseTrigger:
        """Return what waits in the triggerer."""

    def _look_and_defer(self, context: Context) -> Any:
        looked = self._look_before_deferring(context)
        if not looked.is_done:
            self.defer(
                trigger=self._trigger(context),
                timeout=timedelta(seconds=self.timeout),
                method_name="execute_complete",
            )
        return looked.xcom_value

    def _look_before_deferring(self, context: Context) -> PokeReturnValue:
        """Poke, and skip where Airflow's own loop would."""
        try:
            return self.poke(context)
        except WatchedForError as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise
        except Exception as error:
            if self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    @contextmanager
    def _skipping_only_what_is_watched_for(self) -> Iterator[None]:
        """Fail where Airflow skips because of ``soft_fail`` though something else went wrong."""
        try:
            yield
        except AirflowSkipException as skip:
            error = skip.__cause__
            if error is None or not self.soft_fail or _may_be_skipped(error):
                raise
            raise error from error.__cause__


def _may_be_skipped(error: BaseException) -> bool:
    return isinstance(error, _MAY_BE_SKIPPED) or is_deferral_timeout(error)
