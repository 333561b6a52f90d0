"""What is done to a task under way: the verbs of the cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.lab import wait_until

if TYPE_CHECKING:
    from tests.chaos.case import Acts
    from tests.chaos.scene import Scene

EXPORT = "export"
Moment = Callable[["Scene"], None]


def held(scene: Scene) -> None:
    """Wait until Apify holds a request of the task."""
    scene.wait_until_held()


def watched(scene: Scene) -> None:
    """Wait until somebody, a worker or the triggerer, waits for the run."""
    scene.wait_until_watched()


def deferred(scene: Scene) -> None:
    """Wait until the task is deferred, whatever for."""
    scene.wait_for("deferred")


def refused(scene: Scene) -> None:
    """Wait until Apify has refused to start the run, for want of capacity."""
    scene.wait_until_held()


def refused_and_deferred(scene: Scene) -> None:
    """Wait until the task is deferred because Apify has no capacity."""
    scene.wait_until_held()
    scene.wait_for("deferred")


def between_tries(scene: Scene) -> None:
    """Wait until the task is up for a retry."""
    scene.wait_for("up_for_retry")


def finished(scene: Scene) -> None:
    """Wait until the task is over."""
    scene.wait_for("success", "failed")


def exporting(scene: Scene) -> None:
    """Wait until Apify holds the download of the second task."""
    scene.wait_until_held()


def kill_worker(moment: Moment, task_id: str = "run") -> Acts:
    """Kill the worker at a moment."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.kill_worker(task_id)

    return acts


def kill_machine(moment: Moment) -> Acts:
    """Kill the worker and its supervisor at a moment."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.kill_machine()

    return acts


def expire_token(moment: Moment) -> Acts:
    """Let Apify refuse the token from a moment on."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.apify.control.add_fault("expire-token")

    return acts


def mark(moment: Moment, state: str) -> Acts:
    """Mark the task at a moment."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.mark(state)

    return acts


def clear(moment: Moment, then: str | None = None) -> Acts:
    """Clear the task at a moment.

    :param then: how the user marks it once its new run is watched, where that would go on for long.
    """

    def acts(scene: Scene) -> None:
        moment(scene)
        runs = scene.ledger.runs_started
        scene.clear()
        if then:
            scene.wait_for_runs(runs + 1)
            scene.wait_until_newest_is_watched()
            scene.mark(then)
        else:
            scene.wait_for_runs(runs + 1)

    return acts


def restart(component: str, *, gracefully: bool = False) -> Acts:
    """Stop a component of Airflow while the run is watched, and start it again."""

    def acts(scene: Scene) -> None:
        watched(scene)
        scene.lab.stop_component(component, gracefully=gracefully)
        scene.lab.start_component(component)

    return acts


def end_while_triggerer_is_away(scene: Scene) -> None:
    """Kill the triggerer, and start it again when the run has ended."""
    watched(scene)
    scene.lab.stop_component("triggerer", gracefully=False)
    wait_until(lambda: not scene.ledger.runs_going, "the run to end", timeout=60)
    scene.lab.start_component("triggerer")


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
