"""Show the provider at work on a real Airflow: ``make demo``, ``make up``, ``make down``."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from tools import keeper
from tools.lab import AirflowClient, DagRunKey, LabError, TaskInstance, wait_until
from tools.lab.airflow_home import AIRFLOW_VERSION
from tools.lab.client import FINISHED_RUN_STATES
from tools.preview import describe_results
from tools.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.lab import ApifyServer

DEMO_DAG = "apify_run_from_ui"
RUN_SECONDS = 600.0
POLL_SECONDS = 0.5
SHOWN_LOG_LINES = 12
INTERRUPTED = 130
MEANINGS = {
    "queued": "waits for a worker",
    "running": "on a worker",
    "deferred": "waits for Apify in the triggerer; no worker is held",
    "up_for_retry": "failed, will be tried again",
    "upstream_failed": "not tried: a task before it failed",
    "success": "",
    "failed": "",
}


class Narrator:
    """Tell each change of a DAG run's tasks in one line.

    :param client: the Airflow to watch.
    :param run: the run to watch.
    """

    def __init__(self, client: AirflowClient, run: DagRunKey) -> None:
        self._client = client
        self._run = run
        self._started = time.monotonic()
        self._states: dict[tuple[str, int], str] = {}
        self._deferred: set[tuple[str, int]] = set()

    def tell_until_finished(self) -> str:
        """Print every change until the run ends, and return how it ended: success or failed."""

        def finished() -> str | None:
            state = self._client.run_state(self._run)
            for task in self._client.task_instances(self._run):
                self._tell_change(task)
            return state if state in FINISHED_RUN_STATES else None

        return wait_until(finished, "the DAG run to finish", timeout=RUN_SECONDS, poll=POLL_SECONDS)

    def _tell_change(self, task: TaskInstance) -> None:
        name = (task.task_id, task.map_index)
        if task.state not in MEANINGS or self._states.get(name) == task.state:
            return
        self._states[name] = task.state
        meaning = MEANINGS[task.state]
        if task.state == "deferred":
            self._deferred.add(name)
        if task.state == "running" and name in self._deferred:
            meaning = "resumed on a worker"
        elapsed = time.monotonic() - self._started
        print(f"  {elapsed:5.1f} s  {task.label:<20} {task.state:<10} {meaning}".rstrip())


def demo() -> int:
    """Run the example DAG and show what it does and leaves behind.

    :return: the exit code: 0 when the run succeeded.
    """
    started = time.monotonic()
    wanted = keeper.wanted_apify()
    local = "a local Apify: no account, no cost (set APIFY_TOKEN for the real one)"
    where = f"the Apify API at {wanted.base_url}" if wanted else local
    print(f"Airflow {AIRFLOW_VERSION} with {where}.")
    with _airflow(wanted) as client:
        print(f"  {time.monotonic() - started:5.1f} s  scheduler, dag processor, triggerer and API server are healthy")
        succeeded = _show_run(client, local=wanted is None)
        print(f"\nTook {time.monotonic() - started:.0f} s in all.")
    print(f"Airflow's own words are in {(keeper.HOME / 'logs').relative_to(ROOT)}/.")
    print("To look around in its UI: `make up` keeps it open and prints the address, `make down` stops it.")
    return 0 if succeeded else 1


def _show_run(client: AirflowClient, *, local: bool) -> bool:
    """Trigger the example DAG, tell what its tasks do, and show what they leave behind.

    :return: whether the run succeeded.
    """
    client.unpause(DEMO_DAG)
    run = client.trigger(DEMO_DAG)
    print(f"\nDAG {run.dag_id}, run {run.run_id}")
    succeeded = Narrator(client, run).tell_until_finished() == "success"
    print("", *(_results(client, run, local=local) if succeeded else _errors(client, run)), sep="\n")
    return succeeded


@contextlib.contextmanager
def _airflow(wanted: ApifyServer | None) -> Iterator[AirflowClient]:
    """Use the Airflow that ``make up`` keeps open, or start one for as long as the block runs.

    :param wanted: the Apify to work with; None is the local one.
    :raises LabError: the open Airflow works with another Apify.
    """
    opened = keeper.OpenLab.read()
    if opened is None:
        with keeper.locked(), keeper.demo_lab() as lab:
            yield lab.client
        return
    if opened.real != (wanted is not None):
        raise LabError("The Airflow that is open works with the other Apify. `make down` stops it.")
    with contextlib.closing(AirflowClient(opened.url)) as client:
        client.log_in(opened.user, opened.password)
        yield client


def _results(client: AirflowClient, run: DagRunKey, *, local: bool) -> Iterator[str]:
    """Yield what the tasks of a successful run returned, in lines for people."""
    tasks = client.task_instances(run)
    yield from describe_results(
        (client.xcom(run, task.task_id, map_index=task.map_index) for task in tasks), local=local
    )


def _errors(client: AirflowClient, run: DagRunKey) -> Iterator[str]:
    """Yield the end of the log of every task that failed, without Airflow's marks for folding it."""
    for task in client.task_instances(run):
        if task.state == "failed":
            log = client.task_log(run, task.task_id, try_number=task.try_number, map_index=task.map_index)
            lines = [line for line in log.splitlines() if not line.startswith("::")]
            yield f"{task.label} failed; its log ends with:"
            yield from (f"  | {line}" for line in lines[-SHOWN_LOG_LINES:])


def up() -> int:
    """Open Airflow in the background and say how to get in."""
    if not keeper.is_locked():
        print("Starting Airflow in the background ...")
    lab = keeper.up()
    print(f"Airflow is open at {lab.url}\n  user      {lab.user}\n  password  {lab.password}")
    print(f"  Apify     {lab.apify_url} (connection apify_default)")
    if AIRFLOW_VERSION == "3.3.2":
        print('  Its Test button answers "Bad Request" for connections without a port: a bug of Airflow 3.3.2.')
    print("`make demo` runs the example DAG on it, `make down` stops it.")
    return 0


def down() -> int:
    """Stop the Airflow that was opened in the background."""
    print("Airflow is stopped." if keeper.down() else "Nothing was running.")
    return 0


def main() -> int:
    """Carry out the command named on the command line and turn known trouble into plain words."""
    keeper.exit_on_signals()
    try:
        return {"demo": demo, "up": up, "down": down}[sys.argv[1]]()
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started is stopped.", file=sys.stderr)
        return INTERRUPTED
    except (LabError, TimeoutError, keeper.AlreadyRunningError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
