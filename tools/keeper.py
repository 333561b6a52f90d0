"""Keep a lab open in the background (``make up``) until somebody stops it (``make down``).

Whoever runs Airflow in ``.demo/`` holds a lock on ``.demo/lock``, which the operating system releases however the
holder ends. So a stale file never looks like a running Airflow, and a reused process id is never signalled.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import psutil

from tools.environment import clean_environment
from tools.lab import AirflowLab, ApifyServer, LabError, wait_until
from tools.lab.airflow_home import AIRFLOW_VERSION, USER
from tools.lab.component import kill_trees, stop_leftovers
from tools.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

DEMO_FOLDER = ROOT / ".demo"
HOME = DEMO_FOLDER / f"airflow-{AIRFLOW_VERSION}"
OUTPUT = DEMO_FOLDER / "output"
LOCK = DEMO_FOLDER / "lock"
STATE = DEMO_FOLDER / "up.json"
LOG = DEMO_FOLDER / "up.log"
APIFY_URL = os.environ.get("APIFY_API_BASE_URL", "").strip() or "https://api.apify.com"
START_SECONDS = 300.0
STOP_SECONDS = 40.0
CHECK_SECONDS = 2.0


class AlreadyRunningError(RuntimeError):
    """Another command of this checkout is running the demo's Airflow."""


class OpenLab(NamedTuple):
    """How to reach a lab that somebody keeps open."""

    url: str
    user: str
    password: str
    apify_url: str
    real: bool

    @classmethod
    def read(cls) -> Self | None:
        """Return the lab that ``make up`` keeps open; None when it is not open, or not open yet."""
        if not STATE.exists() or not is_locked():
            return None
        return cls(**json.loads(STATE.read_text()))

    def write(self) -> None:
        """Tell other commands about this lab. Only the owner of the file may read it: it has the password."""
        temporary = STATE.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(self._asdict()))
        temporary.replace(STATE)


def wanted_apify() -> ApifyServer | None:
    """Return the real Apify when ``APIFY_TOKEN`` is set; None stands for the local one."""
    token = os.environ.get("APIFY_TOKEN", "").strip()
    return ApifyServer(APIFY_URL, token) if token else None


def demo_lab() -> AirflowLab:
    """Describe the demo's Airflow: the example DAGs of this checkout, and those in the folder that ``DAGS`` names.

    Its home outlives the processes.
    """
    own = os.environ.get("DAGS", "").strip()
    folders = [ROOT / "dags_examples", *([Path(own).resolve()] if own else [])]
    return AirflowLab(HOME, folders, apify=wanted_apify(), variables=_example_settings)


def _example_settings(apify: ApifyServer) -> dict[str, str]:
    """Tell the example DAGs where to write and, with the local Apify, to crawl its shop.

    What the caller has set of ``APIFY_EXAMPLE_START_URL`` and the like comes first.
    """
    ours = {"APIFY_EXAMPLE_OUTPUT": str(OUTPUT)}
    if not wanted_apify():
        ours["APIFY_EXAMPLE_START_URL"] = f"{apify.base_url}/shop/"
    return ours | _settings("APIFY_EXAMPLE_")


def _settings(*prefixes: str) -> dict[str, str]:
    """Return the caller's environment variables that are meant for us."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefixes)}


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Be the only one who runs Airflow in ``.demo/`` while the block runs.

    :raises AlreadyRunningError: somebody else is.
    """
    DEMO_FOLDER.mkdir(exist_ok=True)
    with LOCK.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError("Another `make demo` or `make up` is at work in this checkout.") from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def is_locked() -> bool:
    """Tell whether somebody runs Airflow in ``.demo/``."""
    if not LOCK.exists():
        return False
    with LOCK.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def up() -> OpenLab:
    """Open a lab in the background, or return the one that is open.

    :raises LabError: it did not start; the message has the end of its log.
    """
    if is_locked():
        return wait_until(OpenLab.read, "the command that is at work in this checkout", timeout=START_SECONDS)
    DEMO_FOLDER.mkdir(exist_ok=True)
    STATE.unlink(missing_ok=True)
    with LOG.open("w") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tools.keeper"],
            cwd=ROOT,
            env=clean_environment(**_settings("APIFY_", "DAGS")),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def opened() -> OpenLab | None:
        if keeper.poll() is not None:
            raise LabError(f"Airflow did not start:\n{LOG.read_text()}")
        return OpenLab.read()

    try:
        return wait_until(opened, "Airflow to start", timeout=START_SECONDS)
    except BaseException:
        keeper.terminate()
        keeper.wait()
        raise


def down() -> bool:
    """Stop what ``make up`` started, and what a killed command may have left behind.

    :return: whether anything was running.
    """
    if not is_locked():
        return stop_leftovers(HOME / "processes.json") > 0
    keeper = psutil.Process(int(LOCK.read_text()))
    keeper.terminate()
    try:
        keeper.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        kill_trees([keeper.pid])
    return True


def exit_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into an ordinary exit, so that everything started is stopped."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def keep_open() -> None:
    """Hold a lab open until a signal arrives or one of its components dies."""
    exit_on_signals()
    with locked(), demo_lab() as lab:
        real = wanted_apify() is not None
        OpenLab(lab.client.url, USER, lab.home.password, lab.apify.base_url, real).write()
        try:
            while not threading.Event().wait(CHECK_SECONDS):
                lab.check()
        finally:
            STATE.unlink(missing_ok=True)


if __name__ == "__main__":
    keep_open()
