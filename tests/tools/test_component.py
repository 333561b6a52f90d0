from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tools.environment import clean_environment
from tools.lab import Component, LabError, wait_until
from tools.lab.component import remember, stop_leftovers, stop_together

WAIT_SECONDS = 30.0
FOREVER = "import signal; print('ready', flush=True); signal.pause()"
DEAF_PARENT = f"""
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", {FOREVER!r}], start_new_session=True)
print("child", child.pid, flush=True)
child.wait()
signal.pause()
"""


@pytest.fixture
def started() -> Iterator[list[Component]]:
    components: list[Component] = []
    yield components
    stop_together(components)


def start(started: list[Component], folder: Path, program: str) -> Component:
    component = Component(
        "test",
        [sys.executable, "-c", program],
        environment=clean_environment(),
        folder=folder,
        log=folder / "test.log",
    )
    started.append(component)
    return component


def is_dead(process: psutil.Process) -> bool:
    """Tell whether a process has ended, be it that nobody has collected its exit code yet."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def says(component: Component, word: str) -> bool:
    return word in component.output()


def test_a_process_that_ignores_the_signal_is_killed_with_its_children(
    started: list[Component], tmp_path: Path
) -> None:
    component = start(started, tmp_path, DEAF_PARENT)
    wait_until(lambda: says(component, "ready"), "the child to start", timeout=WAIT_SECONDS)
    child = psutil.Process(int(component.output().split()[1]))

    stop_together([component], grace=0.5)

    assert not component.running
    wait_until(lambda: is_dead(child), "the child to end", timeout=WAIT_SECONDS)


def test_what_a_killed_lab_left_running_is_stopped_by_the_next(started: list[Component], tmp_path: Path) -> None:
    component = start(started, tmp_path, FOREVER)
    remember([component], tmp_path / "processes.json")

    assert stop_leftovers(tmp_path / "processes.json") == 1

    assert not component.running
    assert stop_leftovers(tmp_path / "processes.json") == 0


def test_a_stranger_with_the_process_id_of_a_leftover_is_left_alone(started: list[Component], tmp_path: Path) -> None:
    component = start(started, tmp_path, FOREVER)
    noted = [[component.pid, psutil.Process(component.pid).create_time() - 1000]]
    (tmp_path / "processes.json").write_text(json.dumps(noted))

    assert stop_leftovers(tmp_path / "processes.json") == 0

    assert component.running


def test_a_component_that_died_shows_the_end_of_its_log(started: list[Component], tmp_path: Path) -> None:
    component = start(started, tmp_path, "raise SystemExit('no such database')")
    wait_until(lambda: not component.running, "the process to end", timeout=WAIT_SECONDS)

    with pytest.raises(LabError, match=r"(?s)exit code 1.*no such database.*test\.log"):
        component.check()


def test_a_process_is_suspended_with_its_children_and_goes_on_later(started: list[Component], tmp_path: Path) -> None:
    component = start(started, tmp_path, DEAF_PARENT)
    wait_until(lambda: says(component, "ready"), "the child to start", timeout=WAIT_SECONDS)
    tree = [psutil.Process(component.pid), psutil.Process(int(component.output().split()[1]))]

    component.suspend()
    wait_until(lambda: {process.status() for process in tree} == {"stopped"}, "them to sleep", timeout=WAIT_SECONDS)
    component.resume()

    wait_until(lambda: {process.status() for process in tree} == {"sleeping"}, "them to wake", timeout=WAIT_SECONDS)
