"""Random sequences of faults, crashes, retries and clears: never two runs, never a lost one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_apify._airflow.state_store import STORE
from airflow_provider_apify._api.answers import Answer, NoResponse
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs.choosing import OnFailedRun
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.operators._run_memory import RunMemory
from tests._api.answering import failed, ok, one_by_one
from tests._api.played_start import Order, obtain, order

FAULTS = ("none", "none", "none", "none", "cut before", "cut after", "5xx before", "5xx after", "429", "refused")
MOST_STEPS = 300


class SimulatedApify:
    """What the endpoints used by a start do, without a wire. A late commit appears in lists only after some looks."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.now = self.began = datetime.now(UTC)  # a task notes the time of its own clock

    def clock(self) -> float:
        return self.now.timestamp()

    def answer(self, request: Request, fault: str) -> Answer:
        self.now += timedelta(seconds=request.delay + 0.1)
        if fault == "refused":
            return NoResponse("refused", sent=False)
        if fault == "429":
            return failed(429, "rate-limit-exceeded")
        if fault.endswith("before"):
            return NoResponse("reset") if fault.startswith("cut") else failed(502, "internal-server-error")
        done = self._do(request)
        if fault == "cut after":
            return NoResponse("reset")
        return failed(503, "internal-server-error") if fault == "5xx after" else done

    def _do(self, request: Request) -> Answer:
        if request.method == "POST" and request.path.endswith("/abort"):
            run = self.runs[request.path.split("/")[3]]
            if run["status"] == "RUNNING":
                run["status"] = "ABORTED"
            return ok(run)
        if request.path.endswith("/resurrect"):
            run = self.runs[request.path.split("/")[3]]
            if run["status"] not in {"SUCCEEDED", "FAILED", "TIMED-OUT", "ABORTED"}:
                return failed(400, "run-not-finished")
            run["status"] = "RUNNING"
            return ok(run)
        if request.method == "POST":
            run_id = f"run{len(self.runs)}"
            self.runs[run_id] = {
                "id": run_id,
                "actId": "act",
                "status": "RUNNING",
                "startedAt": self.now.isoformat(),
                "meta": {"origin": "API", "userAgent": f"provider/1 {request.user_agent}"},
            }
            return ok(self.runs[run_id])
        if request.path.endswith("/runs"):
            wanted = request.params.get("status", "").split(",")
            listed = [run for run in self.runs.values() if wanted == [""] or run["status"] in wanted]
            return ok({"items": [{**run, "meta": {"origin": "API"}} for run in listed]})
        run = self.runs[request.path.split("/")[3]]
        if run["status"] == "ABORTING":
            run["status"] = "ABORTED"
        return ok(run)


class Store(dict[str, Any]):
    """Airflow's task state store, as far as it is used."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, default)

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


class OneTask(RuleBasedStateMachine):
    """One task instance through attempts that fail, die and are cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.apify = SimulatedApify()
        self.store: Store | None = None
        self.tries = 0
        self.max_tries = 2
        self.watched: ActorRun | None = None
        self.on_failed_run: OnFailedRun = "new"

    @initialize(has_store=st.booleans(), on_failed_run=st.sampled_from(["new", "resurrect"]))
    def setting(self, *, has_store: bool, on_failed_run: OnFailedRun) -> None:
        self.store = Store() if has_store else None
        self.on_failed_run = on_failed_run

    @rule(
        faults=st.lists(st.sampled_from(FAULTS), max_size=12), dies_at=st.none() | st.integers(0, 8), late=st.booleans()
    )
    def attempt(self, faults: list[str], dies_at: int | None, late: bool) -> None:
        self.tries += 1
        self.watched = None
        context = self._context()
        memory, identity = RunMemory(context), Identity.of(context["ti"])
        trace = memory.trace(is_quiet=False)
        wanted = order(
            identity=identity,
            known=trace.noted,
            search=trace.may_have_started,
            since=trace.since,
            sent_at=trace.sent_at,
            on_failed_run=self.on_failed_run,
        )
        run = self._drive(wanted, memory, faults, dies_at, late=late)
        if run is None:
            return
        memory.note_run(run.id, identity.rerun)
        self.watched = run
        live = self._live()
        assert live in ([], [run.id]), "the run that the task goes on with is the only one that goes on"
        assert self.apify.runs[run.id]["status"] in {"RUNNING", "SUCCEEDED"}

    @precondition(lambda self: self._live())
    @rule(status=st.sampled_from(["SUCCEEDED", "FAILED", "TIMED-OUT", "ABORTED", "ABORTING"]))
    def end(self, status: str) -> None:
        self.apify.runs[self._live()[-1]]["status"] = status

    @rule(retries=st.sampled_from([0, 2]))
    def clear_what_is_over(self, retries: int) -> None:
        """Clear the task when it waits for its retry, or is over; the DAG file may have changed."""
        self.max_tries, self.watched = self.tries + retries, None

    @precondition(lambda self: self.watched is not None)
    @rule(aborts=st.booleans())
    def clear_while_a_worker_waits(self, *, aborts: bool) -> None:
        """Clear the running task: its worker is told, ``max_tries`` stays, and the next attempt always comes.

        :param aborts: whether the worker manages to abort the run before it is killed.
        """
        assert self.watched is not None
        run = self.apify.runs[self.watched.id]
        if aborts and run["status"] in {"RUNNING", "ABORTING"}:
            run["status"] = "ABORTED"
        self.attempt(faults=[], dies_at=None, late=False)

    @invariant()
    def never_two_runs_for_one_identity(self) -> None:
        reruns = [self._rerun(run) for run in self._live()]
        assert len(reruns) == len(set(reruns))

    def _drive(
        self, wanted: Order, memory: RunMemory, faults: list[str], dies_at: int | None, *, late: bool
    ) -> ActorRun | None:
        """Send the flow's requests, and answer with the faults in turn; ``None`` where the attempt failed or died."""
        flow = one_by_one(obtain(wanted, lambda _words: None, self.apify.clock, lambda _starter: memory.note_intent()))
        try:
            request = next(flow)
            for step in range(MOST_STEPS):
                if step == dies_at:
                    if late:  # killed with the request sent, before the answer came
                        self.apify.answer(request, "none")
                    return None
                request = flow.send(self.apify.answer(request, faults[step] if step < len(faults) else "none"))
        except StopIteration as done:
            run: ActorRun = done.value
            return run
        except ApifyError:
            return None
        raise AssertionError("the flow goes on for ever")

    def _context(self) -> Any:
        ti = SimpleNamespace(
            dag_id="dag", task_id="task", run_id="run", map_index=-1, max_tries=self.max_tries, try_number=self.tries
        )
        dag_run = SimpleNamespace(start_date=self.apify.began)
        context = {"ti": ti, "task": SimpleNamespace(retries=2), "dag_run": dag_run}
        return context if self.store is None else {**context, STORE: self.store}

    def _live(self) -> list[str]:
        return [run_id for run_id, run in self.apify.runs.items() if run["status"] == "RUNNING"]

    def _rerun(self, run_id: str) -> int:
        identity = Identity.parse(self.apify.runs[run_id]["meta"]["userAgent"])
        assert identity is not None
        return identity.rerun


def test_a_run_of_an_attempt_that_died_before_a_clear_is_found_and_aborted() -> None:
    task = OneTask()
    task.setting(has_store=True, on_failed_run="new")
    task.attempt(faults=[], dies_at=0, late=True)
    task.clear_what_is_over(2)
    task.attempt(faults=[], dies_at=None, late=False)
    assert [run["status"] for run in task.apify.runs.values()] == ["ABORTED", "RUNNING"]


TestOneTask = OneTask.TestCase
TestOneTask.settings = settings(max_examples=80, stateful_step_count=15, deadline=None)
