"""What users do to a task under way, in Airflow and at Apify."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import requests

from tests.chaos.acts import lost_between_tries
from tests.chaos.case import nothing
from tests.chaos.moments import Moment, between_tries, newest_watched, watched

if TYPE_CHECKING:
    from tests.chaos.case import Acts, Fault
    from tests.chaos.scene import Scene

NEW_TOKEN = "apify_api_rotated"
NAMESAKES_APART_SECONDS = 5.0
"""By how much the clocks of one Airflow's machines may differ: a run that is older by less may be of either DAG run."""


def mark(moment: Moment, state: str) -> Acts:
    """Mark the task at a moment."""

    def acts(scene: Scene) -> None:
        moment(scene)
        scene.mark(state)

    return acts


def mark_asleep(state: str) -> Moment:
    """Mark the task, without waiting for anything."""
    return mark(nothing, state)


def mark_when_the_worker_is_lost(end: Callable[[Moment], Acts], state: str) -> Acts:
    """End the worker while the run goes on, and mark the task before the next try."""

    def acts(scene: Scene) -> None:
        end(watched)(scene)
        mark(between_tries, state)(scene)

    return acts


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


def clear_another(acts: Acts) -> Acts:
    """Do something to the task that lets it wait for a retry, and clear another task of the DAG run meanwhile."""

    def both(scene: Scene) -> None:
        acts(scene)
        between_tries(scene)
        scene.clear_another()

    return both


def abort_at_apify(moment: Moment) -> Acts:
    """Abort the newest run at a moment, as the button in Apify Console does."""

    def acts(scene: Scene) -> None:
        moment(scene)
        url = f"{scene.apify.base_url}/v2/actor-runs/{scene.ledger.runs[-1].run_id}/abort"
        requests.post(url, headers={"Authorization": f"Bearer {scene.token}"}, timeout=30).raise_for_status()

    return acts


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
        time.sleep(NAMESAKES_APART_SECONDS)
        scene.begin_again()
        scene.wait_for_runs(runs + 1)
        then(scene)

    return acts
