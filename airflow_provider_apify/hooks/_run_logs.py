"""The logs of runs: whole, as they are written, or their end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from airflow_provider_apify._api import flows, request
from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.log import LineTaker, follow_log
from airflow_provider_apify._api.transports import Access, send_with_requests
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.runs import ActorRun

_LINE_CHARACTERS = 2000


class RunLogs(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` for the logs of runs.

    Apify keeps the last 10 MiB of a log.
    """

    def get_log(self, run_id: str) -> str:
        """Return all that a run has logged so far (https://docs.apify.com/api/v2/log-get)."""
        return self._drive(flows.call(endpoints.get_log(run_id), self.retry)).body.decode(errors="replace")

    def get_log_tail(self, run_id: str, lines: int) -> list[str]:
        """Return the last lines of a run's log, each cut at 2,000 characters (https://docs.apify.com/api/v2/log-get)."""
        return [line[:_LINE_CHARACTERS] for line in deque(self.get_log(run_id).splitlines(), maxlen=lines)]

    def follow_log(self, run_id: str, on_line: Callable[[str], None]) -> ActorRun:
        """Hand on each line of a run's log when it is written, until the run is finished, and return the run.

        A connection that breaks is made anew, and what was handed on already is passed over. (Where a log has outgrown
        10 MiB meanwhile, its beginning is gone and as many lines are missed.)

        See https://docs.apify.com/api/v2/log-get.

        :param on_line: for example ``self.log.info`` of an operator. It is given lines without their end, not cut.
        :raises ApifyNotFoundError: there is no such run.
        """
        sink = LineTaker(on_line)
        return self._drive(follow_log(run_id, self.retry.patient(), sink), partial(self._send_following, sink))

    def _send_following(self, sink: LineTaker, access: Access, request: request.Request) -> Answer:
        """Send; the body of a stream goes to the sink while it comes."""
        if "stream" in request.params:
            return self._send_reading(sink.take, [], access, request)
        return send_with_requests(self._session, access, request)
