"""Changes of a run that must not be made twice, and its deletion. No I/O.

Apify resurrects, reboots and transforms a run as often as it is asked. Where an answer is lost, the run itself tells
whether it was done: Apify counts what happened to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from airflow_provider_apify._api import actors, request
from airflow_provider_apify._api.flows import LOOKS, SOON_SECONDS, Flow, call, call_data, call_known
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.reading import call_known_run, get_run
from airflow_provider_apify._api.runs.waiting import Waiting, wait_for_run
from airflow_provider_apify.exceptions import (
    ApifyAuthError,
    ApifyConnectionError,
    ApifyError,
    ApifyNotFoundError,
    ApifyRequestTooLate,
    ApifyRunError,
    ApifyServerError,
)
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target

_ONCE = (0.0,)
_SENDS = 4
# A run that is stopped gracefully has half a minute.
_LONGEST_END_SECONDS = 300.0

History = Mapping[str, int]


def ended_run(run_id: str, retry: RetryPolicy, clock: Callable[[], float]) -> Flow[ActorRun]:
    """Wait for the end of a run that is being stopped: what can be done with it depends on how it ends.

    :raises ApifyRunError: it has not ended in five minutes.
    """
    event = yield from wait_for_run(run_id, retry, Waiting(deadline=clock() + _LONGEST_END_SECONDS), clock=clock)
    if event.deadline_passed:
        raise ApifyRunError(
            f"Run {run_id} is still {event.run.status} after {_LONGEST_END_SECONDS:.0f} seconds; what can be done with "
            f"it is known when it has ended ({event.run.console_url}).",
            **event.run.details(),
        )
    return event.run


class Changer:
    """Resurrect, reboot or transform a run, once.

    The ``history`` that its methods take is :attr:`ActorRun.history` as an earlier attempt has noted it before it
    asked; a run to which it has happened since is returned as it is. ``None``: there was no such attempt.

    Apify tells of a metamorph into which Actor, but of none of the changes who asked for it: what somebody else does to
    the run in between, if it is the same, is taken for what was asked for here.

    :param report: takes a sentence about anything but the plain way, for the task's log.
    :param settle: seconds after which a change whose answer was lost and that is not to be seen was not made.
    :param clock: Unix time, for tests.
    """

    def __init__(
        self,
        retry: RetryPolicy,
        report: Callable[[str], object],
        *,
        settle: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Looks decide about work that would be lost or paid twice: an outage must not cut them short.
        self._retry, self._patient = retry, retry.patient()
        self._report, self._settle, self._clock = report, settle, clock

    def resurrect(self, run_id: str, options: RunOptions, history: History | None = None) -> Flow[ActorRun]:
        """Let a finished run go on; one that is being stopped, when it has ended. One that goes on is left as it is.

        :raises ApifyRunError: it is being stopped, and has not ended in five minutes.
        """
        run = yield from self._see(run_id)
        if run.is_ending:
            yield from ended_run(run_id, self._retry, self._clock)
            run = yield from self._see(run_id)
        return (yield from self.revive(run, options, history, seen_at=self._seen_at))

    def revive(
        self, run: ActorRun, options: RunOptions, history: History | None = None, *, seen_at: float
    ) -> Flow[ActorRun]:
        """Let a run go on that was seen to be finished.

        :param seen_at: Unix time when it was asked for.
        """
        self._seen_at = seen_at
        request = endpoints.resurrect_run(run.id, options)
        return (yield from self._once(run, request, "resurrections", history, is_enough=lambda now: now.is_going))

    def reboot(self, run_id: str, history: History | None = None) -> Flow[ActorRun]:
        """Start a running run's work again from its beginning, with the storages it has."""
        run = yield from self._see(run_id)
        return (yield from self._once(run, endpoints.reboot_run(run_id), "reboots", history))

    def metamorph(
        self,
        run_id: str,
        actor: Target,
        run_input: bytes | None,
        *,
        build: str | None = None,
        content_type: str = request.JSON,
        history: History | None = None,
    ) -> Flow[ActorRun]:
        """Let another Actor go on with a running run."""
        run = yield from self._see(run_id)
        request = endpoints.metamorph_run(run_id, actor, run_input, build=build, content_type=content_type)
        return (yield from self._once(run, request, "metamorphs", history, into=actor))

    def _once(
        self,
        run: ActorRun,
        request: Request,
        what: str,
        history: History | None,
        *,
        is_enough: Callable[[ActorRun], bool] = lambda _now: False,
        into: Target | None = None,
    ) -> Flow[ActorRun]:
        """Send a change; where it stays unknown whether it was made, look at the run before sending it again.

        :param what: the key of :attr:`ActorRun.history` that counts such changes.
        :param is_enough: tells a run that needs the change no more.
        :param into: the Actor that a metamorph is to.
        """
        before = (run.history if history is None else history)[what]
        if (yield from self._is_made(run, what, before, into)):
            self._report(f"An earlier attempt has changed run {run.id} already ({what}: {run.history[what]}).")
            return run

        def is_done(now: ActorRun) -> Flow[bool]:
            return is_enough(now) or (yield from self._is_made(now, what, before, into))

        for _ in range(_SENDS):
            try:
                in_time = replace(request, not_after=self._seen_at + SOON_SECONDS)
                return (yield from call_known_run(in_time, self._retry))
            except ApifyRequestTooLate:
                raise
            except ApifyError as error:
                trouble = error
            is_unknown = isinstance(trouble, ApifyConnectionError | ApifyServerError)
            now = yield from self._look(run.id, is_done, LOOKS if is_unknown else _ONCE)
            if now is not None:
                self._report(
                    f"{trouble} Nothing more is needed: run {now.id} is {now.status}, {what}: {now.history[what]}."
                )
                return now
            if not is_unknown:
                break
            self._report(f"{trouble} Run {run.id} shows no change, so the request is sent once more.")
        raise trouble

    def _see(self, run_id: str, *, delay: float = 0.0) -> Flow[ActorRun]:
        """Read a run, after ``delay`` seconds."""
        self._seen_at = time.time() + delay
        return (yield from get_run(run_id, self._patient, delay=delay))

    def _is_made(self, run: ActorRun, what: str, before: int, into: Target | None) -> Flow[bool]:
        """Tell whether a run shows the change since then; a metamorph into another Actor is somebody else's."""
        times = run.history[what] - before
        since = run.metamorphs[-times:] if times > 0 else ()
        if into is None or not since:
            return times > 0
        if any(each.actor_id == into.id for each in since):
            return True
        # Apify writes the Actor's ID, whatever name it was given.
        wanted = (yield from call_data(actors.get_target(into), self._patient))["id"]
        return any(each.actor_id == wanted for each in since)

    def _look(
        self, run_id: str, is_done: Callable[[ActorRun], Flow[bool]], shares: Iterable[float]
    ) -> Flow[ActorRun | None]:
        """Look at a run until a change shows; ``None`` where none does."""
        for share in shares:
            now = yield from self._see(run_id, delay=share * self._settle)
            if (yield from is_done(now)):
                return now
        return None


def delete_run(run_id: str, retry: RetryPolicy) -> Flow[ActorRun]:
    """Delete a finished run, and return it as it was.

    :raises ApifyNotFoundError: there is no such run.
    :raises ApifyAuthError: it is another user's, and can only be read.
    """
    run = yield from get_run(run_id, retry)
    try:
        yield from call_known(endpoints.delete_run(run_id), lambda request: call(request, retry))
    except ApifyNotFoundError as error:
        # Either a request whose answer was lost has deleted it, or Apify hides that it is another user's.
        if not error.is_certain:
            raise
        if not (yield from _is_gone(run_id, retry)):
            words = f"Run {run_id} can be read, but not deleted with this token. {error}"
            raise ApifyAuthError(words, http_status=error.http_status, error_type=error.error_type) from error
    return run


def _is_gone(run_id: str, retry: RetryPolicy) -> Flow[bool]:
    try:
        yield from get_run(run_id, retry)
    except ApifyNotFoundError as error:
        if not error.is_certain:
            raise
        return True
    return False
