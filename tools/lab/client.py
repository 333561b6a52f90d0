"""Talk to Airflow's public REST API as a user's script would."""

from __future__ import annotations

import contextlib
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote

import requests

from tools.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HTTP_SECONDS = 120.0
NOT_FOUND = 404
RUN_SECONDS = 120.0
PAGE = 100
"""How many entries Airflow lists at a time at most."""
FINISHED_RUN_STATES = ("success", "failed")

Json = dict[str, Any]


class AirflowRequestError(RuntimeError):
    """Airflow answered a request with an error."""


class DagRunKey(NamedTuple):
    """Names one run of one DAG."""

    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        """The path of the run in the REST API."""
        return f"/dags/{self.dag_id}/dagRuns/{quote(self.run_id, safe='')}"


class TaskInstance(NamedTuple):
    """What the REST API says about one task of one run."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    pid: int | None
    """The process that works for it, or did."""
    end_date: str | None = None
    """When it was over, in ISO's words."""

    @property
    def label(self) -> str:
        """The name people use: the task, with its index when it is mapped."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"

    @classmethod
    def from_api(cls, answer: Json) -> Self:
        """Take the fields used here from the API's answer."""
        return cls(*(answer[field] for field in cls._fields))


class AirflowClient:
    """A logged-in user of one Airflow.

    Users change one thing at a time: two changes at once can block each other on SQLite, see ``SPLIT_API_SERVER``.

    :param url: such as ``http://127.0.0.1:8080``.
    """

    _change = threading.Lock()

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # it talks to this machine: no proxy, no .netrc

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def log_in(self, user: str, password: str) -> None:
        """Exchange a password for a token and use it from now on."""
        answer = self._send("POST", "/auth/token", json={"username": user, "password": password})
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    @property
    def authorization(self) -> str:
        """The header that lets its requests in."""
        return str(self._session.headers["Authorization"])

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Send a request below ``/api/v2`` and return the decoded JSON, or None where there is no body.

        :raises AirflowRequestError: any status of 400 and above, with Airflow's own words.
        """
        response = self._send(method, f"/api/v2{path}", **arguments)
        return response.json() if response.content else None

    def read(self, path: str) -> bytes:
        """Return the bytes of the answer to a GET below ``/api/v2``."""
        return self._send("GET", f"/api/v2{path}").content

    def is_healthy(self, since: datetime) -> bool:
        """Tell whether the database answers and every component has sent a heartbeat since that moment.

        Airflow alone calls a component healthy for half a minute after it has died.
        """
        parts = self.call("GET", "/monitor/health").values()
        beats = [part[name] for part in parts for name in part if name.endswith("heartbeat")]
        return all(part["status"] == "healthy" for part in parts) and all(
            datetime.fromisoformat(beat) >= since for beat in beats
        )

    def prepare_for_tasks(self) -> None:
        """Let Airflow build the API that its workers use.

        It does so at the first request, which takes it many seconds; the first task would wait, or give up.
        """
        self._send("GET", "/execution/health")

    def put_connection(self, connection_id: str, **fields: Any) -> None:
        """Create a connection, or replace it.

        :param fields: ``conn_type``, ``host``, ``password``, ``extra`` (a JSON string), ...
        """
        body = {"connection_id": connection_id} | fields
        if self._exists(f"/connections/{connection_id}"):
            self.call("PATCH", f"/connections/{connection_id}", json=body)
        else:
            self.call("POST", "/connections", json=body)

    def put_pool(self, name: str, *, slots: int) -> None:
        """Create a pool of so many slots, or replace it; a deferred task takes none of them."""
        body = {"name": name, "slots": slots, "include_deferred": False}
        if self._exists(f"/pools/{name}"):
            self.call("PATCH", f"/pools/{name}", json=body)
        else:
            self.call("POST", "/pools", json=body)

    def import_errors(self) -> dict[str, str]:
        """Return the traceback of every DAG file that cannot be imported, by file name."""
        answer = self.call("GET", "/importErrors")
        return {error["filename"]: error["stack_trace"] for error in answer["import_errors"]}

    def wait_for_dag(self, dag_id: str, timeout: float = RUN_SECONDS) -> None:
        """Wait until the dag processor has read the DAG.

        :raises TimeoutError: it did not; the message has the import errors.
        """
        try:
            wait_until(lambda: self._exists(f"/dags/{dag_id}"), f"the DAG {dag_id}", timeout=timeout)
        except TimeoutError as error:
            raise TimeoutError("\n".join([str(error), *self.import_errors().values()])) from error

    def unpause(self, dag_id: str) -> None:
        """Wait for the DAG to be known, and switch it on."""
        self.wait_for_dag(dag_id)
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(
        self, dag_id: str, conf: Json | None = None, *, logical_date: str | None = None, run_id: str | None = None
    ) -> DagRunKey:
        """Start a manual run.

        :param conf: the run's configuration, which fills the DAG's params.
        :param logical_date: ISO time; None gives a run without one, as the UI may do.
        :param run_id: its name; None lets Airflow make one.
        """
        body = {"conf": conf or {}, "logical_date": logical_date, "dag_run_id": run_id}
        answer = self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)
        return DagRunKey(dag_id, answer["dag_run_id"])

    def dag_runs(self, dag_id: str) -> list[Json]:
        """List the runs of a DAG, oldest first."""
        answer = self.call("GET", f"/dags/{dag_id}/dagRuns", params={"order_by": "run_after", "limit": 100})
        runs: list[Json] = answer["dag_runs"]
        return runs

    def run_state(self, run: DagRunKey) -> str:
        """Return the state of a run: queued, running, success or failed."""
        state: str = self.call("GET", run.path)["state"]
        return state

    def set_run_state(self, run: DagRunKey, state: str) -> None:
        """Mark a run, and what has not ended of its tasks, as ``failed`` or ``success``."""
        self.call("PATCH", run.path, json={"state": state})

    def delete_run(self, run: DagRunKey) -> None:
        """Delete a run that has ended, as the button in the UI does."""
        self.call("DELETE", run.path)

    def wait_for_run(
        self, run: DagRunKey, states: Sequence[str] = FINISHED_RUN_STATES, timeout: float = RUN_SECONDS
    ) -> str:
        """Wait until a run is in one of the states, and return the state."""

        def reached() -> str | None:
            state = self.run_state(run)
            return state if state in states else None

        return wait_until(reached, f"{run} to be {' or '.join(states)}", timeout=timeout)

    def task_instances(self, run: DagRunKey) -> list[TaskInstance]:
        """List the tasks of a run, mapped ones one by one."""
        return [TaskInstance.from_api(task) for task in self.entries(f"{run.path}/taskInstances", "task_instances")]

    def entries(self, path: str, key: str, **which: Any) -> list[Json]:
        """Return all entries of a list, page by page.

        :param path: below ``/api/v2``, such as ``/dags/my_dag/dagRuns/~/taskInstances``, where ``~`` is any.
        :param key: what the answer calls them.
        :param which: what they are to have in common.
        """
        found: list[Json] = []
        while True:
            answer = self.call("GET", path, params={**which, "limit": PAGE, "offset": len(found)})
            found += answer[key]
            if len(found) >= answer["total_entries"]:
                return found

    def count(self, path: str, **which: Any) -> int:
        """Return how many entries such a list has."""
        total: int = self.call("GET", path, params={**which, "limit": 1})["total_entries"]
        return total

    def task_instance(self, run: DagRunKey, task_id: str, map_index: int = -1) -> TaskInstance:
        """Return one task of a run."""
        return TaskInstance.from_api(self.call("GET", _task_path(run, task_id, map_index)))

    def wait_for_task(
        self, run: DagRunKey, task_id: str, states: Sequence[str], *, map_index: int = -1, timeout: float = RUN_SECONDS
    ) -> TaskInstance:
        """Wait until a task is in one of the states, such as ``("deferred",)``."""

        def reached() -> TaskInstance | None:
            task = self.task_instance(run, task_id, map_index)
            return task if task.state in states else None

        return wait_until(reached, f"{task_id} of {run} to be {' or '.join(states)}", timeout=timeout)

    def set_task_state(self, run: DagRunKey, task_id: str, state: str, map_index: int = -1) -> None:
        """Mark a task as ``failed``, ``success`` or ``skipped``, as the buttons in the UI do."""
        self.call("PATCH", _task_path(run, task_id, map_index), json={"new_state": state})

    def clear(self, run: DagRunKey, task_ids: Sequence[str]) -> None:
        """Clear tasks so that they run again, as the button in the UI does."""
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run.run_id, "task_ids": list(task_ids)}
        self.call("POST", f"/dags/{run.dag_id}/clearTaskInstances", json=body)

    def task_log(self, run: DagRunKey, task_id: str, *, try_number: int = 1, map_index: int = -1) -> str:
        """Return the log of one try as text, one event per line, tracebacks included."""
        path = f"{run.path}/taskInstances/{task_id}/logs/{try_number}"
        answer = self.call("GET", path, params={"map_index": map_index, "full_content": "true"})
        return "\n".join(map(_log_line, answer["content"]))

    def xcom(self, run: DagRunKey, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return the value a task pushed, decoded; None when there is none."""
        path = f"{run.path}/taskInstances/{task_id}/xcomEntries/{key}"
        if not self._exists(path, map_index=map_index):
            return None
        return self.call("GET", path, params={"map_index": map_index})["value"]

    def extra_links(self, run: DagRunKey, task_id: str, map_index: int = -1) -> dict[str, str | None]:
        """Return the operator links of a task as the UI's buttons would have them now, by name."""
        path = f"{run.path}/taskInstances/{task_id}/links"
        links: dict[str, str | None] = self.call("GET", path, params={"map_index": map_index})["extra_links"]
        return links

    def _exists(self, path: str, **params: Any) -> bool:
        response = self._session.get(f"{self.url}/api/v2{path}", params=params, timeout=HTTP_SECONDS)
        if response.status_code != NOT_FOUND:
            _check(response)
        return response.ok

    def _send(self, method: str, path: str, **arguments: Any) -> requests.Response:
        with contextlib.nullcontext() if method == "GET" else self._change:
            response = self._session.request(method, f"{self.url}{path}", timeout=HTTP_SECONDS, **arguments)
        _check(response)
        return response


def _check(response: requests.Response) -> None:
    if not response.ok:
        request = response.request
        raise AirflowRequestError(f"{request.method} {request.path_url}: {response.status_code} {response.text[:500]}")


def _task_path(run: DagRunKey, task_id: str, map_index: int) -> str:
    path = f"{run.path}/taskInstances/{task_id}"
    return path if map_index < 0 else f"{path}/{map_index}"


def _log_line(event: Mapping[str, Any] | str) -> str:
    """Turn one structured log event into text: its message, then every error it carries."""
    if isinstance(event, str):
        return event
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in event.get("error_detail") or ()]
    return "\n".join([str(event.get("event", "")), *errors])
