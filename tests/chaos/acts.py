"""What is done to a task under way: the verbs of the cases."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import compress
from typing import TYPE_CHECKING

import psutil
import requests

from tests.chaos.case import STEP_SECONDS, nothing
from tests.chaos.crash import death_note
from tools.lab import wait_until

if TYPE_CHECKING:
    from tests.chaos.case import Acts, Fault
    from tests.chaos.scene import Scene

Moment = Callable[["Scene"], None]
NEW_TOKEN = "apify_api_rotated"
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
    """Wait until the task is up for a retry; or over, where none comes, which the verdict says then."""
    scene.wait_for("up_for_retry", "success", "failed")


def finished(scene: Scene) -> None:
    """Wait until the task is over, and Airflow's scheduler has noticed: it could overlook a clear before that."""
    scene.end()


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


def next_try_watches(scene: Scene) -> None:
    """Wait until the second try waits for the run."""
    scene.wait_for_try(2)
    scene.wait_until_newest_is_watched()


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


def struck_inside(scene: Scene) -> None:
    """Wait until the worker has come to the point of the code where something happens to it."""
    note = death_note(scene.folder, scene.dag_id)
    wait_until(note.exists, f"the worker of {scene.case.key} to come there", timeout=STEP_SECONDS)


def mark_asleep(state: str) -> Moment:
    """Mark the task, without waiting for anything."""
    return mark(nothing, state)


def mark_when_the_worker_is_lost(end: Callable[[Moment], Acts], state: str) -> Acts:
    """End the worker while the run goes on, and mark the task before the next try."""

    def acts(scene: Scene) -> None:
        end(watched)(scene)
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


def clear_another(acts: Acts) -> Acts:
    """Do something to the task that lets it wait for a retry, and clear another task of the DAG run meanwhile."""

    def both(scene: Scene) -> None:
        acts(scene)
        between_tries(scene)
        scene.clear_another()

    return both


def expire_token(moment: Moment) -> Acts:
    """Let Apify refuse the token from a moment on."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.apify.control.add_fault("expire-token")

    return acts


def rotate_token(moment: Moment) -> Acts:
    """Let the connection have a new token at a moment, and Apify refuse the old one."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.change_token(NEW_TOKEN)
        scene.apify.control.rotate_token(NEW_TOKEN)

    return acts


def replace_token_late(moment: Moment) -> Acts:
    """Let Apify refuse the token at a moment, and the connection have the new one once an attempt has failed of it."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.apify.control.rotate_token(NEW_TOKEN)
        between_tries(scene)
        scene.change_token(NEW_TOKEN)

    return acts


def expire_and_renew(moment: Moment) -> Acts:
    """Let Apify refuse the token from a moment on, until an attempt has failed of it."""

    def acts(scene: Scene) -> None:
        expire_token(moment)(scene)
        between_tries(scene)
        scene.apify.control.clear_faults()

    return acts


def expire_in_the_retry(scene: Scene) -> None:
    """Kill the worker, and let Apify refuse the token of the next try."""
    expire_token(lost_between_tries)(scene)
    scene.wait_for_try(2)
    between_tries(scene)
    scene.apify.control.clear_faults()


def begin_again(moment: Moment, then: Acts, fault: Fault | None = None) -> Acts:
    """Delete the DAG run at a moment, and start another of the same name.

    :param then: what is done to the new one.
    :param fault: what goes wrong with it, as far as Apify is concerned.
    """

    def acts(scene: Scene) -> None:
        moment(scene)
        runs = scene.ledger.runs_started
        if fault is not None:
            scene.apify.control.add_fault(**fault)
        scene.begin_again()
        scene.wait_for_runs(runs + 1)
        then(scene)

    return acts


def abort_at_apify(moment: Moment) -> Acts:
    """Abort the newest run at a moment, as the button in Apify Console does."""

    def acts(scene: Scene) -> None:
        moment(scene)
        url = f"{scene.apify.base_url}/v2/actor-runs/{scene.ledger.runs[-1].run_id}/abort"
        requests.post(url, headers={"Authorization": f"Bearer {scene.token}"}, timeout=30).raise_for_status()

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
