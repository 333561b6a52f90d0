"""Start and stop a whole Airflow: API server, scheduler, dag processor, triggerer, workers, and the local Apify."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import requests

from tools.environment import free_port
from tools.lab.airflow_home import USER, AirflowHome
from tools.lab.apify import ApifyServer, start_local_apify, wait_for_announcement
from tools.lab.client import AirflowClient, AirflowRequestError
from tools.lab.component import Component, LabError, remember, stop_leftovers, stop_together
from tools.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

START_SECONDS = 900.0
HEALTH_POLL_SECONDS = 0.5
LOCAL_COST_SETTLE_SECONDS = 2
"""How long after its end the cost of a run is read; the local Apify settles it at once, the real one in about ten."""
AIRFLOW_COMMANDS: Mapping[str, Sequence[str]] = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
"""The arguments that start each kind of component. Nobody serves logs: all components share one log folder."""
WORKER = {"worker": ["celery", "worker", "--skip-serve-logs"]}
"""The same, of what only a lab with the Celery executor has."""
SPLIT_API_SERVER = {
    "api-server": ["api-server", "--apps", "core"],
    "task-server": ["api-server", "--apps", "execution"],
}
"""One server for users and one for workers.

For each user's change Airflow notes an audit log, on the thread that all requests share. On SQLite this note waits for
a worker's change, which in turn waits for that thread: nothing moves until the wait for the lock is given up. Separate
servers never wait for each other like that.
"""


class AirflowLab:
    """A real Airflow on this machine, alive inside a ``with`` block.

    All processes listen on 127.0.0.1 only, on ports that were free, and see nothing of the caller's environment.
    The folder stays behind and can be used again; the processes never do.

    :param folder: Airflow's home: configuration, database and logs. Created when missing.
    :param dag_folders: where the DAG files are; each becomes a DAG bundle.
    :param apify: the Apify API that the connection ``apify_default`` points at; None starts the local Apify.
    :param local_token: the token of the local Apify, if its own will not do.
    :param database_url: of a database server, empty or used before, as SQLAlchemy writes it; None takes a SQLite file.
    :param beside: further components beside one of each kind, named as :meth:`start_component` takes them.
    :param is_busy: whether users change things while workers work; then each get an API server of their own.
    :param config: settings of Airflow that differ from the lab's, by section and option.
    :param variables: returns the environment variables that the DAGs want, given the Apify they will work with.
    """

    def __init__(
        self,
        folder: Path,
        dag_folders: Sequence[Path],
        *,
        apify: ApifyServer | None = None,
        local_token: str | None = None,
        database_url: str | None = None,
        beside: Sequence[str] = (),
        is_busy: bool = False,
        config: Mapping[str, Mapping[str, str]] | None = None,
        variables: Callable[[ApifyServer], Mapping[str, str]] = lambda _apify: {},
    ) -> None:
        self.home = AirflowHome(folder)
        self.components: dict[str, Component] = {}
        self._dag_folders = dag_folders
        self._config = config or {}
        self._variables = variables
        self._apify = apify
        self._local_token = local_token
        self._database_url = database_url
        self._beside = beside
        self._commands = {**AIRFLOW_COMMANDS, **(SPLIT_API_SERVER if is_busy else {})}
        self._client: AirflowClient | None = None
        self.webhook_secret = secrets.token_urlsafe(24)
        self._processes = self.home.folder / "processes.json"

    def __enter__(self) -> Self:
        """Start everything and wait until Airflow calls itself healthy.

        :raises LabError: a component died on the way; the message ends with the tail of its log.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    @property
    def client(self) -> AirflowClient:
        """The REST API, logged in as ``admin``."""
        if self._client is None:
            raise LabError("The lab has not been started")
        return self._client

    @property
    def apify(self) -> ApifyServer:
        """The Apify API this lab uses."""
        if self._apify is None:
            raise LabError("The local Apify has not been started")
        return self._apify

    @property
    def _environment(self) -> dict[str, str]:
        return self.home.environment(**self._variables(self.apify))

    @property
    def task_server(self) -> str:
        """The component that workers talk to."""
        return "task-server" if "task-server" in self._commands else "api-server"

    @property
    def task_port(self) -> int:
        """The port that it listens on."""
        return self._task_port

    def wait_for_task_server(self) -> None:
        """Wait until the API that workers talk to answers, and has been built.

        :raises TimeoutError: it does not.
        """
        client = AirflowClient(f"http://127.0.0.1:{self._task_port}")

        def answers() -> bool:
            self.components[self.task_server].check()
            try:
                client.prepare_for_tasks()
            except (requests.ConnectionError, requests.Timeout):
                return False
            return True

        wait_until(answers, "the API of the workers", timeout=START_SECONDS, poll=HEALTH_POLL_SECONDS)

    def start_component(self, name: str) -> Component:
        """Start a component, or another of its kind.

        :param name: a kind (``api-server``, ``scheduler``, ``dag-processor``, ``triggerer``, ``worker``), or a kind, a
            hyphen and a number for one more of it, such as ``triggerer-2``.
        """
        commands = self._commands | WORKER
        kind = next(kind for kind in commands if name == kind or name.startswith(f"{kind}-"))
        return self._add(
            Component(
                name,
                [sys.executable, "-m", "airflow", *commands[kind], *self._arguments(kind, name)],
                environment=self._environment,
                folder=self.home.folder,
                log=self.home.logs / f"{name}.log",
            )
        )

    def _arguments(self, kind: str, name: str) -> list[str]:
        """Return what tells a component apart from the others."""
        if kind == "task-server":
            return ["--port", str(self._task_port)]
        if kind == "worker":
            return ["--celery-hostname", name, "--pid", str(self.home.folder / f"{name}.pid")]
        return []

    def stop_component(self, name: str, *, gracefully: bool = True) -> None:
        """Stop one component.

        :param gracefully: with SIGTERM, and SIGKILL only after a while; else with SIGKILL, as a machine dies.
        """
        component = self.components.pop(name)
        if gracefully:
            stop_together([component])
        else:
            component.kill()
        remember(self.components.values(), self._processes)

    def new_client(self) -> AirflowClient:
        """Log another user's session in, for another thread."""
        client = AirflowClient(self.client.url)
        client.log_in(USER, self.home.password)
        return client

    def check(self) -> None:
        """Make sure every component is alive.

        :raises LabError: one has ended.
        """
        for component in self.components.values():
            component.check()

    def cli(self, *arguments: str) -> str:
        """Run the ``airflow`` command inside the lab and return what it printed.

        :raises LabError: it failed; the message ends with its output.
        """
        return self.home.cli(arguments, self._environment)

    def stop(self) -> None:
        """Stop all processes, within seconds."""
        if self._client:
            self._client.close()
        stop_together(self.components.values())
        self.components.clear()
        self._processes.unlink(missing_ok=True)

    def _add(self, component: Component) -> Component:
        self.components[component.name] = component
        remember(self.components.values(), self._processes)
        return component

    def _start(self) -> None:
        """Start the Apify first: the DAGs may want to know where it is."""
        stop_leftovers(self._processes)
        since = datetime.now(tz=UTC)
        extra: dict[str, object] = {"webhook_secret": self.webhook_secret}
        if self._apify is None:
            component = self._add(start_local_apify(self.home.folder / "apify.log", token=self._local_token))
            self._apify = wait_for_announcement(component)
            extra |= {"console_url": self._apify.base_url, "cost_settle_seconds": LOCAL_COST_SETTLE_SECONDS}
        port = free_port()
        self._task_port = free_port() if "task-server" in self._commands else port
        self.home.configure(
            port=port,
            task_port=self._task_port,
            dag_folders=self._dag_folders,
            overrides=self._config,
            database_url=self._database_url,
        )
        if self._database_url:
            self.cli("db", "migrate")
        else:
            self.home.create_database()
        for name in (*self._commands, *self._beside):
            self.start_component(name)
        self._client = AirflowClient(f"http://127.0.0.1:{port}")
        self._wait_until_healthy(since)
        self.wait_for_task_server()
        self._client.log_in(USER, self.home.password)
        self._client.put_connection(
            "apify_default",
            conn_type="apify",
            host=self._apify.base_url,
            password=self._apify.token,
            extra=json.dumps(extra),
        )

    def _wait_until_healthy(self, since: datetime) -> None:
        """Wait until the API server answers and every other component has sent a heartbeat."""

        def healthy() -> bool:
            self.check()
            try:
                return self.client.is_healthy(since)
            except (requests.ConnectionError, requests.Timeout, AirflowRequestError):
                return False

        try:
            wait_until(healthy, "Airflow to be healthy", timeout=START_SECONDS, poll=HEALTH_POLL_SECONDS)
        except TimeoutError as error:
            tails = (f"{name}:\n{component.tail()}" for name, component in self.components.items())
            raise LabError("\n".join([f"{error}.", *tails])) from error
