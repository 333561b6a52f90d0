"""What happens to the processes that a task under way needs."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from contextlib import suppress
from itertools import compress
from typing import TYPE_CHECKING

import psutil

from tests.chaos.moments import Moment, between_tries, next_try_watches, watched
from tools.lab import wait_until

if TYPE_CHECKING:
    from tests.chaos.case import Acts
    from tests.chaos.scene import Scene

TERMINATION_SECONDS = 5.0
"""How long a deployment lets a worker tidy up; in Kubernetes it is 30 by default."""


def lost_between_tries(scene: Scene) -> None:
    """Kill the worker while it waits for the run, and wait until the task is up for a retry."""
    kill_worker(watched)(scene)
    between_tries(scene)


def in_storm(moment: Moment) -> Acts:
    """Wait for a moment, then for the storm that comes when the others of the case's storm are ready, too."""

    def acts(scene: Scene) -> None:
        try:
            moment(scene)
        finally:  # the others wait for this one
            scene.storm()

    return acts


def kill_worker(moment: Moment) -> Acts:
    """Kill the worker at a moment."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.worker().kill()

    return acts


def shut_worker_down(moment: Moment, *, supervisor: bool = True, worker: bool = False) -> Acts:
    """Ask the worker's supervisor to stop at a moment, as a deployment does, and kill both if the worker goes on.

    From Airflow 3.3 on the supervisor passes it on to the worker.

    :param supervisor: whether it is asked.
    :param worker: whether the worker is asked itself, too.
    """

    def acts(scene: Scene) -> None:
        moment(scene)
        _shut_down(scene, [supervisor, worker])

    return acts


def _shut_down(scene: Scene, who: Iterable[bool]) -> None:
    worker, supervisor = scene.worker(), scene.supervisor()
    for process in compress((supervisor, worker), who):
        process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs([worker], timeout=TERMINATION_SECONDS)
    if alive:  # else the supervisor may be at another case's task by now
        with suppress(psutil.NoSuchProcess):
            supervisor.kill()
        worker.kill()


def shut_worker_down_again(scene: Scene) -> None:
    """Shut the worker down while it waits for the run, and so the one of the next try."""
    shut_worker_down(watched)(scene)
    shut_worker_down(next_try_watches)(scene)


def suspend_machine(moment: Moment, *, until: Moment) -> Acts:
    """Suspend the worker and its supervisor at a moment, as a machine that sleeps, and wake both up at another."""

    def acts(scene: Scene) -> None:
        moment(scene)
        sleepers = [scene.supervisor(), scene.worker()]
        for process in sleepers:
            process.suspend()
        try:
            until(scene)
        finally:
            for process in sleepers:
                process.resume()

    return acts


def kill_machine(moment: Moment) -> Acts:
    """Kill the worker at a moment, and before it the supervisor, who would tell Airflow."""

    def acts(scene: Scene) -> None:
        moment(scene)
        worker, supervisor = scene.worker(), scene.supervisor()
        supervisor.kill()
        worker.kill()

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
