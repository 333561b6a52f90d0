"""Run one process of the lab, with its own process group and its own log file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

TAIL_LINES = 25
GRACE_SECONDS = 8.0
"""How long a process may take to stop by itself before it is killed."""


class LabError(RuntimeError):
    """A part of the lab did not start, or died; the message ends with the tail of its log."""


class Component:
    """One named process and its children.

    :param name: how the lab calls it, such as ``scheduler`` or ``triggerer-2``.
    :param command: the program and its arguments.
    :param environment: all of its environment variables.
    :param folder: its working directory.
    :param log: the file its output is appended to.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.name = name
        self.log = log
        self._started_at = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the main process is alive."""
        return self._process.poll() is None

    def output(self) -> str:
        """Return what this process has written since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._started_at)
            return log.read().decode(errors="replace")

    def check(self) -> None:
        """Make sure the process is alive.

        :raises LabError: it has ended.
        """
        if not self.running:
            raise LabError(f"{self.name} ended with exit code {self._process.returncode}.\n{self.tail()}")

    def tail(self) -> str:
        """Return the last lines of the log and where the rest is."""
        lines = self.output().splitlines()[-TAIL_LINES:]
        return "\n".join([*(f"  | {line}" for line in lines), f"  (all of it: {self.log})"])

    def kill(self) -> None:
        """Kill the process and its children with SIGKILL, as a crashed machine would."""
        kill_trees([self._process.pid])
        self._process.wait()

    def suspend(self) -> None:
        """Stop the process and its children where they are (SIGSTOP), as a machine that sleeps."""
        for process in _tree(self._process.pid):
            process.suspend()

    def resume(self) -> None:
        """Let them go on (SIGCONT)."""
        for process in _tree(self._process.pid):
            process.resume()

    def reap(self) -> None:
        """Collect the exit code of an ended process, so that no zombie stays behind."""
        self._process.wait()


def stop_together(components: Iterable[Component], grace: float = GRACE_SECONDS) -> None:
    """Ask all components to stop, wait for them together, and kill what is left with all its children.

    :param grace: seconds.
    """
    components = list(components)
    stop_trees([component.pid for component in components if component.running], grace)
    for component in components:
        component.reap()


def remember(processes: Iterable[Component], file: Path) -> None:
    """Note which processes are running, so that a later lab can stop them should this one be killed."""
    alive = [psutil.Process(component.pid) for component in processes if component.running]
    file.write_text(json.dumps([[process.pid, process.create_time()] for process in alive]))


def stop_leftovers(file: Path) -> int:
    """Stop what a killed lab left running, and forget it.

    :param file: written by :func:`remember`. A process that only happens to have an old one's pid is left alone.
    :return: how many were still running.
    """
    noted = json.loads(file.read_text()) if file.exists() else []
    pids = [pid for pid, created in noted if _created(pid) == created]
    stop_trees(pids)
    file.unlink(missing_ok=True)
    return len(pids)


def stop_trees(pids: Iterable[int], grace: float = GRACE_SECONDS) -> None:
    """Send SIGTERM to process groups, and SIGKILL after the grace to every descendant that is still there.

    :param pids: leaders of process groups; ended ones are skipped.
    :param grace: seconds.
    """
    trees = [process for pid in pids for process in _tree(pid)]
    for process in trees:
        if _leads_group(process):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(trees, timeout=grace)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=grace)


def kill_trees(pids: Iterable[int]) -> None:
    """Send SIGKILL to processes and all their descendants."""
    for process in [process for pid in pids for process in _tree(pid)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _created(pid: int) -> float | None:
    """Return when a process was created; None when there is none with this id."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _tree(pid: int) -> list[psutil.Process]:
    """List a process and its descendants, itself first; nothing when it has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _leads_group(process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == process.pid
    except ProcessLookupError:
        return False
