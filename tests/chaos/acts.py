"""What is done to a task under way: the verbs of the cases."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import requests

from tools.lab import wait_until

if TYPE_CHECKING:
    from tests.chaos.case import Acts
    from tests.chaos.scene import Scene

Moment = Callable[["Scene"], None]
TERMINATION_SECONDS = 5.0
"""How long a deployment lets a worker tidy up; in Kubernetes it is 30 by default."""


def struck(scene: Scene) -> None:
    """Wait until the first fault has happened to a request: Apify holds it, or has refused it."""
    scene.wait_until_struck()


def watched(scene: Scene) -> None:
    """Wait until somebody, a worker or the triggerer, waits for the run."""
    scene.wait_until_watched()


def struck_and_deferred(scene: Scene) -> None:
    """Wait until the task is deferred after the first fault, because Apify has no capacity."""
    scene.wait_until_struck()
    scene.wait_for("deferred")


def between_tries(scene: Scene) -> None:
    """Wait until the task is up for a retry."""
    scene.wait_for("up_for_retry")


def finished(scene: Scene) -> None:
    """Wait until the task is over, and Airflow's scheduler has noticed: it could overlook a clear before that."""
    scene.end()


def kill_worker(moment: Moment) -> Acts:
    """Kill the worker at a moment."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.worker().kill()

    return acts


def shut_worker_down(moment: Moment) -> Acts:
    """Ask the worker's supervisor to stop at a moment, as a deployment does, and kill both if the worker goes on.

    From Airflow 3.3 on the supervisor passes it on to the worker.
    """

    def acts(scene: Scene) -> None:
        moment(scene)
        worker, supervisor = scene.worker(), scene.supervisor()
        supervisor.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs([worker], timeout=TERMINATION_SECONDS)
        if alive:  # else the supervisor may be at another case's task by now
            with suppress(psutil.NoSuchProcess):
                supervisor.kill()
            worker.kill()

    return acts


def mark_when_the_worker_is_lost(state: str) -> Acts:
    """Kill the worker while the run goes on, and mark the task before the next try."""

    def acts(scene: Scene) -> None:
        kill_worker(watched)(scene)
        mark(between_tries, state)(scene)

    return acts


def kill_machine(moment: Moment) -> Acts:
    """Kill the worker at a moment, and before it the supervisor, who would tell Airflow."""

    def acts(scene: Scene) -> None:
        moment(scene)
        worker, supervisor = scene.worker(), scene.supervisor()
        supervisor.kill()
        worker.kill()

    return acts


def expire_token(moment: Moment) -> Acts:
    """Let Apify refuse the token from a moment on."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.apify.control.add_fault("expire-token")

    return acts


def abort_at_apify(moment: Moment) -> Acts:
    """Abort the newest run at a moment, as the button in Apify Console does."""

    def acts(scene: Scene) -> None:
        moment(scene)
        url = f"{scene.apify.base_url}/v2/actor-runs/{scene.ledger.runs[-1].run_id}/abort"
        requests.post(url, headers={"Authorization": f"Bearer {scene.apify.token}"}, timeout=30).raise_for_status()

    return acts


def mark(moment: Moment, state: str) -> Acts:
    """Mark the task at a moment."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.mark(state)

    return acts


def newest_watched(scene: Scene) -> None:
    """Wait until somebody waits for the newest run, after an older one was watched."""
    scene.wait_until_newest_is_watched()


def clear(moment: Moment, then: str | None = None, *, at: Moment = newest_watched, adds: int = 1) -> Acts:
    """Clear the task at a moment.

    :param then: how the user marks it afterwards, where its new run, or its tries, would go on for long.
    :param at: the moment for that, once the new run is there.
    :param adds: how many runs are started for that.
    """

    def acts(scene: Scene) -> None:
        moment(scene)
        runs = scene.ledger.runs_started
        scene.clear()
        scene.wait_for_runs(runs + adds)
        if then:
            mark(at, then)(scene)

    return acts


def restart(component: str, *, gracefully: bool = False) -> Acts:
    """Stop a component of Airflow while the run is watched, and start it again."""

    def acts(scene: Scene) -> None:
        watched(scene)
        scene.lab.stop_component(component, gracefully=gracefully)
        scene.lab.start_component(component)

    return acts


def kill_triggerer_until_the_end(then: str | None = None) -> Acts:
    """Kill the triggerer while it watches the run, and start it again when the run has ended.

    :param then: how the user marks the task meanwhile.
    """

    def acts(scene: Scene) -> None:
        watched(scene)
        scene.lab.stop_component("triggerer", gracefully=False)
        if then:
            scene.mark(then)
        wait_until(lambda: not scene.ledger.runs_going, "the run to end", timeout=60)
        scene.lab.start_component("triggerer")

    return acts


def move_trigger(scene: Scene) -> None:
    """Start a second triggerer, and stop the one that watches the run; restore the order afterwards."""
    watched(scene)
    scene.lab.start_component("triggerer-2")
    scene.lab.stop_component("triggerer", gracefully=True)
    try:
        scene.wait_for("success")
    finally:
        scene.lab.start_component("triggerer")
        scene.lab.stop_component("triggerer-2", gracefully=True)
