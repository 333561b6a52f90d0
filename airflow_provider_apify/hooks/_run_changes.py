"""What can be done to a run after its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_apify._api import request
from airflow_provider_apify._api.runs import changing, endpoints, reading
from airflow_provider_apify._api.runs.changing import Changer
from airflow_provider_apify._api.runs.input import encode_body
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target


class RunChanges(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` that change a run.

    To resurrect, reboot or transform a run twice is to lose work or pay twice. So, where the answer is lost, the run is
    looked at, and the request is only repeated when the run shows no change. ``history`` is for whoever remembers what
    an earlier, interrupted attempt saw: :attr:`ActorRun.history <airflow_provider_apify.models.ActorRun.history>` of
    before it asked. A run to which it has happened since is returned as it is. Apify does not tell who asked: a reboot
    of somebody else in between is taken for one's own, and so is a metamorph into the same Actor.
    """

    def abort_run(self, run_id: str, *, gracefully: bool = False, attempts: int | None = None) -> ActorRun:
        """Ask Apify to stop a run: it turns ``ABORTING``, then ``ABORTED``. Does nothing to a finished run.

        See https://docs.apify.com/api/v2/actor-run-abort-post.

        :param gracefully: give the Actor 30 seconds to save its work.
        :param attempts: how often to try; ``None`` as often as everything else.
        """
        request = endpoints.abort_run(run_id, gracefully=gracefully)
        return self._drive(reading.call_known_run(request, self._retry_of(attempts)))

    def _retry_of(self, attempts: int | None) -> RetryPolicy:
        return self.retry if attempts is None else replace(self.retry, attempts=attempts)

    def resurrect_run(
        self,
        run_id: str,
        *,
        options: RunOptions | Mapping[str, Any] | None = None,
        history: Mapping[str, int] | None = None,
    ) -> ActorRun:
        """Let a finished run go on, with its storages; one that is being stopped, when it has ended.

        A run that goes on already is returned as it is, and the options are not applied to it.
        See https://docs.apify.com/api/v2/post-resurrect-run.

        :param options: build, memory in megabytes, run_timeout in seconds, max_items, max_total_charge_usd in US
            dollars, restart_on_error; what is not given stays as it was. Apify lets limits only rise.
        :param history: see the class.
        :raises ValueError: other options, more than the connection's limit, or a limit on usage that nobody would keep.
        :raises ApifyBudgetUsedUp: the connection's ``monthly_budget_usd`` is used up; nothing was done.
        :raises ApifyNotFoundError: no such run, or the token may not see it.
        :raises ApifyRunError: it is being stopped, and has not ended in five minutes.
        :raises ApifyCapacityError: the account's memory or run slots are taken; nothing was done.
        """
        chosen = RunOptions.of(options)
        self._connection.limits.check(chosen)
        return self._drive(self._changer.resurrect(run_id, chosen, history))

    def reboot_run(self, run_id: str, *, history: Mapping[str, int] | None = None) -> ActorRun:
        """Start the work of a ``RUNNING`` run again from its beginning; what is not in its storages is lost.

        See https://docs.apify.com/api/v2/actor-run-reboot-post.

        :param history: see the class.
        :raises ApifyApiError: the run is not ``RUNNING``.
        """
        return self._drive(self._changer.reboot(run_id, history))

    def metamorph_run(
        self,
        run_id: str,
        target_actor_id: str,
        run_input: Any = None,
        *,
        build: str | None = None,
        content_type: str = request.JSON,
        history: Mapping[str, int] | None = None,
    ) -> ActorRun:
        """Let another Actor go on with a ``RUNNING`` run: same run, same storages, another program and input.

        See https://docs.apify.com/api/v2/actor-run-metamorph-post.

        :param target_actor_id: ID of the other Actor, or ``username/name``.
        :param run_input: any JSON value or JSON text, stored beside the first input as ``INPUT-METAMORPH-1``; with a
            ``content_type`` that is no JSON, a string or bytes. ``None`` sends none.
        :param build: tag or number of the other Actor's build.
        :param history: see the class.
        :raises ValueError: the input is not of its type, or above 9 MiB.
        :raises ApifyApiError: the run is not ``RUNNING``, or Apify refuses this Actor.
        """
        body = encode_body(run_input, content_type)
        target = Target("actor", target_actor_id)
        return self._drive(
            self._changer.metamorph(run_id, target, body, build=build, content_type=content_type, history=history)
        )

    def set_run_status_message(self, run_id: str, message: str, *, is_terminal: bool = False) -> ActorRun:
        """Show a message on a run in Apify Console, in the place of what the Actor said last.

        Doing it twice does no harm. See https://docs.apify.com/api/v2/actor-run-put.

        :param is_terminal: whether it is the last one: the Actor's later messages do not replace it.
        """
        request = endpoints.set_status_message(run_id, message, is_terminal=is_terminal)
        return self._drive(reading.call_known_run(request, self.retry))

    def delete_run(self, run_id: str) -> ActorRun:
        """Delete a finished run, its log and its unnamed storages, for good, and return it as it was.

        Storages with a name stay. See https://docs.apify.com/api/v2/actor-run-delete.

        :raises ApifyNotFoundError: there is no such run.
        :raises ApifyAuthError: it belongs to somebody else.
        :raises ApifyApiError: the run is still going.
        """
        return self._drive(changing.delete_run(run_id, self.retry))

    @property
    def _changer(self) -> Changer:
        return Changer(self.retry, self.log.info, settle=self._connection.start_settle_seconds)

    async def async_abort_run(self, run_id: str, *, gracefully: bool = False, attempts: int | None = None) -> ActorRun:
        """Do what :meth:`abort_run` does, on the event loop."""
        request = endpoints.abort_run(run_id, gracefully=gracefully)
        return await self._drive_async(reading.call_known_run(request, self._retry_of(attempts)))
