"""One task instance whose attempts are played by hand: the real operator, over real HTTP, on a clock that runs fast."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from airflow_provider_apify._airflow.state_store import STORE
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators import _base, _task_run
from airflow_provider_apify.operators._interruption import Interrupted
from airflow_provider_apify.operators.run_actor import RunActorOperator
from tests._api.answering import one_by_one

if TYPE_CHECKING:
    import pytest
    import requests

T = TypeVar("T")

PACE = 0.002
"""Seconds that a second of the package's own pauses takes here."""
RETRIES = 2


class Stopped(BaseException):
    """The worker's process is stopped in the middle of something.

    :param looks: where it was sending a request, that still arrives, after so many looks at the list of runs; ``None``:
        it never does.
    """

    def __init__(self, looks: int | None = None) -> None:
        super().__init__()
        self.looks = looks


class Died(Stopped):
    """The process is gone, as by SIGKILL: nothing of it gets a chance to tidy up, whatever it would catch."""


class Terminated(Stopped):
    """The process is stopped as Airflow 2 does it, by an exception out of whatever it does, and may tidy up."""


class Fate:
    """What befalls an attempt, and when.

    :param moment: counted over all that an attempt does to the world: before and after each request, each note and each
        XCom; ``None`` for an attempt that nothing befalls.
    :param befall: what happens then; it may raise :class:`Stopped`.
    """

    def __init__(self, moment: int | None = None, befall: Callable[[], None] = lambda: None) -> None:
        self._left = moment
        self._befall = befall

    def pass_moment(self) -> None:
        """Let a moment pass."""
        if self._left == 0:
            self._left = None
            self._befall()
        elif self._left is not None:
            self._left -= 1


class PlayedTask:
    """A task instance of a DAG run, as far as an operator sees it.

    :param has_store: whether this Airflow has a task state store, as 3.3 has.
    :param deferrable: whether it waits in the triggerer, between its processes, or in its worker.
    :param arguments: of the operator.
    :ivar on_wait: called before each request that waits for a run's end.
    :ivar state: of the task, as Airflow tells it to who asks.
    :ivar began: when its DAG run, and its attempt, began.
    :ivar arrives_after: after so many looks at the list of runs, or aborts, what a process sends that is told to stop
        arrives nevertheless; 0 for never.
    """

    def __init__(self, *, has_store: bool, deferrable: bool = True, **arguments: Any) -> None:
        self.arguments = {**arguments, "deferrable": deferrable}
        self.on_wait: Callable[[], None] = _do_nothing
        self._tries = 0
        self._retries = RETRIES
        self._max_tries = RETRIES
        self._is_restarting = False
        self._is_deferred = False
        self._is_fresh = True
        self.state = "running"
        self.arrives_after = 0
        self._fate = Fate()
        self._is_dead = False
        self._store: dict[str, str] | None = {} if has_store else None
        self._xcoms: dict[str, Any] = {}
        self.began = datetime.now(UTC)
        self._stragglers: list[tuple[int, Callable[[], None]]] = []
        self._operator = self._new_operator()

    @property
    def has_tries_left(self) -> bool:
        """Whether another attempt would follow if the task failed now."""
        return self._is_restarting or self._tries <= self._max_tries

    @property
    def is_fresh(self) -> bool:
        """Whether there has been no attempt since it was made, or cleared."""
        return self._is_fresh

    @property
    def tries(self) -> int:
        """How many attempts there have been."""
        return self._tries

    @property
    def watched_run_id(self) -> str:
        """The run that the last process that worked for the task has gone on with."""
        assert self._run_id is not None
        return self._run_id

    @property
    def _run_id(self) -> str | None:
        """The run that the last process knew."""
        task_run = self._operator._task_run
        if task_run is None:
            return None
        starter = task_run._starter
        return task_run.run_id or (starter.run_id if starter else None)

    def knows(self, run_id: str) -> bool:
        """Tell whether the last process had the ID of a run, or this Airflow has kept it."""
        return run_id == self._run_id or any(run_id in kept for kept in (self._store or {}).values())

    def attempt(self, fate: Fate) -> str:
        """Play the beginning of a new attempt, in a process of its own.

        :return: the method that the deferred task goes on with, ``success``, ``retry``, ``failed``, ``died``, or
            ``terminated``.
        """
        self._tries += 1
        self._is_fresh = self._is_restarting = False
        self._xcoms.clear()
        return self._play(fate, inspect.unwrap(RunActorOperator.execute))  # called otherwise, it warns

    def resume(self, method: str, event: Mapping[str, Any], fate: Fate) -> str:
        """Play what follows a trigger's event, in a process of its own; return what :meth:`attempt` does."""
        return self._play(
            fate, lambda operator, context: operator.resume_execution(method, {"event": dict(event)}, context)
        )

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the operator find this task's hook, and this task's Airflow."""
        monkeypatch.setattr(_base, "ApifyHook", self.hook_class())
        monkeypatch.setattr(_task_run, "state_of", lambda _ti: self.state)

    def kill(self, state: str = "failed") -> None:
        """Do what Airflow does to a task that a user marks or clears, or whose worker is shut down.

        The process may still tidy up. A deferred task has none: its trigger does that.

        :param state: of the task then; ``running`` for a shutdown.
        """
        self.state = state
        if not self._is_deferred:
            self._operator.on_kill()
        elif self._operator.abort_on_kill:
            self.hook_class()().abort_run(self.watched_run_id)

    def kill_and_stop(self, stop: Stopped, state: str = "running") -> None:
        """Do what :meth:`kill` does, and let the process stop at once."""
        with suppress(Interrupted):
            self.kill(state)
        raise stop

    def clear(self, *, retries: int = RETRIES, dag_run_is_over: bool = False) -> None:
        """Do what Airflow does to a task instance that is deferred, waits for its retry, or is over.

        :param retries: of the task by now: the DAG file may have changed.
        :param dag_run_is_over: it starts anew then.
        """
        self._retries, self._max_tries, self._is_fresh = retries, self._tries + retries, True
        if dag_run_is_over:
            self.began = datetime.now(UTC)

    def restart(self) -> None:
        """Do what Airflow does to a task that is cleared while a worker is at it.

        The worker is told to stop, and another attempt comes, after the last retry too. Airflow 3.3 raises
        ``max_tries`` for it, older ones leave it as it is.
        """
        self._is_restarting = True
        if self._store is not None:
            self._max_tries = self._tries + self._retries
        self.kill("restarting")

    def hook_class(self) -> type[ApifyHook]:
        """Return the real hook, whose pauses are short, and whose requests are moments of the attempt's fate."""
        task = self

        class HurriedHook(ApifyHook):
            @cached_property
            def _session(self) -> requests.Session:
                session = super()._session
                session.mount("http://", _MortalAdapter(task))
                return session

            def _drive(self, flow: Flow[T], *how: Any, **more: Any) -> T:
                return super()._drive(_hurried(one_by_one(flow)), *how, **more)

        return HurriedHook

    def pass_moment(self) -> None:
        """Let a moment of the attempt pass."""
        self._live_through(self._fate.pass_moment)

    def wait(self) -> None:
        """Let happen what happens while the attempt waits for its run."""
        self._live_through(self.on_wait)

    def hold(self, looks: int, send: Callable[[], None]) -> None:
        """Let a request arrive after so many looks, although its sender is gone."""
        self._stragglers.append((looks, send))

    def pass_look(self) -> None:
        """Let a look at the list of runs, or an abort, pass, and what is due arrive."""
        held, self._stragglers = self._stragglers, []
        for looks, send in held:
            if looks > 1:
                self.hold(looks - 1, send)
            else:
                send()

    def let_stragglers_arrive(self) -> int:
        """Let everything arrive, and tell how much it was."""
        count = len(self._stragglers)
        while self._stragglers:
            self.pass_look()
        return count

    def _live_through(self, happen: Callable[[], None]) -> None:
        """Let something happen to the process; once it is dead, nothing of it does anything more."""
        if self._is_dead:
            raise Died
        try:
            happen()
        except Died:
            self._is_dead = True
            raise

    def _new_operator(self) -> RunActorOperator:
        return RunActorOperator(task_id="task", retries=self._retries, **self.arguments)

    def _play(self, fate: Fate, act: Callable[[RunActorOperator, Any], Any]) -> str:
        outcome = self._outcome(fate, act)
        is_dead, self._fate, self._is_dead = self._is_dead, Fate(), False
        return "died" if is_dead else outcome

    def _outcome(self, fate: Fate, act: Callable[[RunActorOperator, Any], Any]) -> str:
        self._fate, self._operator = fate, self._new_operator()
        self._is_deferred, self.state, self.arrives_after = False, "running", 0
        try:
            act(self._operator, self._context(self._operator))
        except Died:
            return "died"
        except Terminated:
            return "terminated"
        except TaskDeferred as deferral:
            self._is_deferred = deferral.method_name == "execute_complete"
            return str(deferral.method_name)
        except AirflowFailException:
            return "failed"
        except AirflowException:
            return "retry" if self.has_tries_left else "failed"
        return "success"

    def _context(self, operator: RunActorOperator) -> Any:
        instance = SimpleNamespace(
            dag_id="dag",
            task_id="task",
            run_id="run",
            map_index=-1,
            max_tries=self._max_tries,
            try_number=self._tries,
            start_date=self.began,
            xcom_push=self._push,
            xcom_pull=lambda key, **_: self._xcoms.get(key),
        )
        dag_run = SimpleNamespace(start_date=self.began)
        context = {"ti": instance, "task": operator, "dag_run": dag_run}
        if self._store is None:
            return context
        return context | {STORE: SimpleNamespace(get=self._recall, set=self._note)}

    def _push(self, key: str, value: Any) -> None:
        self.pass_moment()
        self._xcoms[key] = value
        self.pass_moment()

    def _recall(self, key: str, default: Any) -> Any:
        assert self._store is not None
        return json.loads(self._store[key]) if key in self._store else default

    def _note(self, key: str, value: Any) -> None:
        assert self._store is not None
        self.pass_moment()
        self._store[key] = json.dumps(value)
        self.pass_moment()


class _MortalAdapter(HTTPAdapter):
    """Sends requests as ever, for as long as the process lives."""

    def __init__(self, task: PlayedTask) -> None:
        super().__init__()
        self._task = task

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if "waitForFinish" in str(request.url):
            self._task.wait()
        try:
            self._task.pass_moment()
        except (Stopped, Interrupted) as stop:
            looks = stop.looks if isinstance(stop, Stopped) else self._task.arrives_after
            if looks:
                self._task.hold(looks, lambda: self._send_unheard(request, *args, **kwargs))
            raise
        response = super().send(request, *args, **kwargs)
        path = urlsplit(str(request.url)).path
        if path.endswith("/abort") or (request.method == "GET" and path.endswith("/runs")):
            self._task.pass_look()
        try:
            self._task.pass_moment()
        except (Stopped, Interrupted):
            response.close()
            raise
        return response

    def _send_unheard(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> None:
        with suppress(RequestException):  # nobody is left to hear of it
            super().send(request, *args, **kwargs).close()


def _do_nothing() -> None:
    """Stand for what does not happen."""


def _hurried(flow: Flow[T]) -> Flow[T]:
    """Shorten the pauses of a flow."""
    try:
        request = next(flow)
        while True:
            request = flow.send((yield replace(request, delay=request.delay * PACE)))
    except StopIteration as done:
        result: T = done.value
        return result
