"""Following a log while it is written. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from airflow_provider_apify._api.answers import is_log
from airflow_provider_apify._api.flows import Flow, call
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.reading import call_known_run
from airflow_provider_apify._api.taking import hand_on
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RetryPolicy

# Before the next look at a run that logs nothing.
_PAUSE_SECONDS = 1.0


class LineTaker:
    """Hand on each line once, though the text may come several times from its start.

    :param on_line: takes a line, without its end.
    :ivar count: lines handed on so far.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._open_line = b""
        self.count = 0

    def take(self, headers: Mapping[str, str], body: Iterator[bytes]) -> None:
        """Take the text from its start, in pieces; a line that is not ended yet waits for :meth:`finish`.

        :raises ApifyDataError: it is no log.
        :raises TakerFails: whoever is given the lines has failed.
        """
        if not is_log(headers):
            raise ApifyDataError("the answer is not a log")
        seen, self._open_line = 0, b""
        for piece in body:
            *lines, self._open_line = (self._open_line + piece).split(b"\n")
            for line in lines:
                seen += 1
                if seen > self.count:
                    hand_on(self._hand_on, line)

    def finish(self) -> None:
        """Hand on a last line without an end."""
        if self._open_line:
            self._hand_on(self._open_line)

    def _hand_on(self, line: bytes) -> None:
        self.count += 1
        self._on_line(line.decode(errors="replace"))


def follow_log(run_id: str, retry: RetryPolicy, sink: LineTaker) -> Flow[ActorRun]:
    """Follow the log of a run until the run is finished and its log was read to the end.

    :param sink: is given the body of each answer to a request with the parameter ``stream``.
    """
    look, stream = endpoints.get_run(run_id), endpoints.get_log(run_id, stream=True)
    while True:
        run = yield from call_known_run(look, retry)
        if run.is_finished:
            yield from call(stream, retry)
            sink.finish()
            return run
        count = sink.count
        # However it ends, by the run's end or by a broken connection: the next look at the run tells what to do.
        yield stream
        look = replace(look, delay=0.0 if sink.count > count else _PAUSE_SECONDS)
