"""Moments in the life of a task under way, at which something is done to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.chaos.case import STEP_SECONDS
from tests.chaos.crash import death_note
from tools.lab import wait_until

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

Moment = Callable[["Scene"], None]


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


def struck_inside(scene: Scene) -> None:
    """Wait until the worker has come to the point of the code where something happens to it."""
    note = death_note(scene.folder, scene.dag_id)
    wait_until(note.exists, f"the worker of {scene.case.key} to come there", timeout=STEP_SECONDS)


def between_tries(scene: Scene) -> None:
    """Wait until the task is up for a retry; or over, where none comes, which the verdict says then."""
    scene.wait_for("up_for_retry", "success", "failed")


def finished(scene: Scene) -> None:
    """Wait until the task is over, and Airflow's scheduler has noticed: it could overlook a clear before that."""
    scene.end()


def newest_watched(scene: Scene) -> None:
    """Wait until somebody waits for the newest run, after an older one was watched."""
    scene.wait_until_newest_is_watched()


def next_try_watches(scene: Scene) -> None:
    """Wait until the second try waits for the run."""
    scene.wait_for_try(2)
    scene.wait_until_newest_is_watched()
