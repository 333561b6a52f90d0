"""What happens to what all tasks share: the API server of the workers, the scheduler, the triggerer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.chaos.case import STORM_SECONDS
from tools.lab import AirflowLab, wait_until

GATHER_SECONDS = 200.0
"""How long the cases of a storm may take until all of them are where they should be."""
Storm = Callable[[AirflowLab], AbstractContextManager[None]]
"""Comes when it is entered, is over then, and clears up when it is left."""


class Gathering:
    """Cases that wait for each other, and for the storm that comes when all are there.

    :param size: how many cases.
    """

    def __init__(self, lab: AirflowLab, storm: Storm, size: int) -> None:
        self._stack = ExitStack()
        strike = partial(self._stack.enter_context, storm(lab))
        self._barrier = threading.Barrier(size, action=strike, timeout=GATHER_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def wait(self) -> None:
        """Wait until all cases have called this and the storm is over.

        :raises threading.BrokenBarrierError: a case has not come, or the storm has failed.
        """
        self._barrier.wait()


def _stop_server(*, gracefully: bool) -> Storm:
    """Stop the API server that workers talk to, and start it again later."""

    @contextmanager
    def storm(lab: AirflowLab) -> Iterator[None]:
        lab.stop_component(lab.task_server, gracefully=gracefully)
        _pass_time()
        _start_server(lab)
        yield

    return storm


@contextmanager
def _server_is_slow(lab: AirflowLab) -> Iterator[None]:
    """Let the API server that workers talk to take requests, and answer them only later."""
    server = lab.components[lab.task_server]
    server.suspend()
    try:
        _pass_time()
    finally:
        server.resume()
    yield


@contextmanager
def _server_answers_500(lab: AirflowLab) -> Iterator[None]:
    """Let something else answer workers in place of their API server, for a while: a proxy that cannot reach it."""
    lab.stop_component(lab.task_server)
    with ThreadingHTTPServer(("127.0.0.1", lab.task_port), _Refusal) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, name="refusing proxy")
        serving.start()
        try:
            _pass_time()
        finally:
            proxy.shutdown()
            serving.join()
    _start_server(lab)
    yield


class _Refusal(BaseHTTPRequestHandler):
    """Answer 500, whatever is asked."""

    def handle_one_request(self) -> None:
        """Read a request and refuse it."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(HTTPStatus.INTERNAL_SERVER_ERROR)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _restart(component: str, *, gracefully: bool) -> Storm:
    """Stop a component with all its children, and start it again."""

    @contextmanager
    def storm(lab: AirflowLab) -> Iterator[None]:
        lab.stop_component(component, gracefully=gracefully)
        lab.start_component(component)
        yield

    return storm


@contextmanager
def _triggerer_sleeps(lab: AirflowLab) -> Iterator[None]:
    """Let the triggerer sleep until another has taken over all triggers, and wake up then."""
    sleeper, before = lab.components["triggerer"], _triggerers(lab)
    sleeper.suspend()
    try:
        lab.start_component("triggerer-2")
        what = "another triggerer to take over"
        wait_until(lambda: not (before & _triggerers(lab)), what, timeout=GATHER_SECONDS)
    finally:
        sleeper.resume()
    yield
    if not sleeper.running:
        lab.stop_component("triggerer")
        lab.start_component("triggerer")
    lab.stop_component("triggerer-2")


def _triggerers(lab: AirflowLab) -> set[int]:
    """Return the jobs of the triggerers that watch the deferred tasks."""
    which = {"state": "deferred", "limit": 100}
    deferred = lab.client.call("GET", "/dags/~/dagRuns/~/taskInstances", params=which)["task_instances"]
    return {task["triggerer_job"]["id"] for task in deferred if task["triggerer_job"]}


def _start_server(lab: AirflowLab) -> None:
    lab.start_component(lab.task_server)
    lab.wait_for_task_server()


def _pass_time() -> None:
    time.sleep(STORM_SECONDS)


STORMS: Mapping[str, Storm] = {
    "the server is stopped": _stop_server(gracefully=True),
    "the server is killed": _stop_server(gracefully=False),
    "the server is slow": _server_is_slow,
    "the server answers 500": _server_answers_500,
    "the scheduler is stopped": _restart("scheduler", gracefully=True),
    "the triggerer is stopped": _restart("triggerer", gracefully=True),
    "the triggerer is killed": _restart("triggerer", gracefully=False),
    "the triggerer sleeps": _triggerer_sleeps,
}
"""By the words that the cases use."""
