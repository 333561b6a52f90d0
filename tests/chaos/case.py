"""One thing that goes wrong, and what has to follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.version import Version

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

Acts = Callable[["Scene"], None]
Fault = Mapping[str, Any]

STARTS: Mapping[str, Any] = {"method": "POST", "path": "/v2/actor*/runs"}
LOOKS: Mapping[str, Any] = {"method": "GET", "path": "/v2/actor-runs/*"}
ABORTS: Mapping[str, Any] = {"method": "POST", "path": "/v2/actor-runs/*/abort"}
FULL: Mapping[str, Any] = {
    "action": "answer",
    **STARTS,
    "status": 402,
    "error_type": "concurrent-runs-limit-exceeded",
    "message": "The account has too many runs at the same time.",
}
"""Apify has no capacity for another run."""
TASK = "run"
HAS_STORE = Version(version("apache-airflow")) >= Version("3.3")
"""Whether this Airflow keeps a state of each task, which tells a clear of a task in a worker from a retry."""
BESIDE = "beside"
"""Cases of that shape have a second task, which has nothing to do with the first and is over soon."""
ITEMS = "items"
"""The task of cases of that shape is one of @task.apify_actor and returns items; it has such a second task, too."""
EXPORT = "export"
"""The second task of cases of that shape."""
CROWDED = "crowded"
"""The second task of cases of that shape takes the only slot of their pool while the first is deferred."""
CROWDED_SECONDS = 45
STEP_SECONDS = 150.0
"""How long a case may take to come to the moment at which something happens."""
MAPPED = 3
"""Into how many the task of a mapped case expands."""
STRUCK_INDEX = 1
"""Which of those it happens to."""
MAPPED_TIMEOUT = 600
"""Each of those asks for a timeout of its own, in seconds, counted from here: so the ledger tells their runs apart."""
SAVED_TASK = "saved"
PLAIN_PREFIX = "plain_"
HOLD_SECONDS = 4.0
"""How long the local Apify holds a request while the harness kills who has sent it."""
STORM_SECONDS = 45.0
"""How long what all tasks share is away: longer than Airflow puts up with, three heartbeats or :data:`LAB_CONFIG`'s."""
DRIPS: Mapping[str, Any] = {"action": "throttle", "bytes_per_second": 20}
"""Lets an answer arrive byte by byte for more than a minute: so a request is under way for as long as a storm takes."""
LONG_HOLD_SECONDS = 8.0
"""Longer than a worker lives on when its task is marked: Airflow 3 sends SIGKILL 5 seconds after SIGTERM."""
START_SETTLE_SECONDS = 8.0
"""How long the run of a start without an answer is looked for; by default longer. The cases are to take seconds."""
SHORT: Mapping[str, Any] = {"durationSecs": 2, "items": 3}
ENDLESS: Mapping[str, Any] = {"durationSecs": 900}


def nothing(_scene: Scene) -> None:
    """Leave the task alone."""


class Counts(NamedTuple):
    """Runs that should not have been; each is counted once.

    :param duplicates: worked to their end beside another good one, although nobody had asked for another.
    :param orphaned: went on when their task was over.
    :param lost: good, or aborted although nobody had given them up, and the task has no result of theirs.
    """

    duplicates: int = 0
    orphaned: int = 0
    lost: int = 0


NONE = Counts()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    :param key: names the DAG and the row.
    :param section: of the table.
    :param happens: what goes wrong, and when, for the table.
    :param then: what follows, for the table.
    :param runs: how the runs at Apify end, oldest first.
    :param state: how the task ends.
    :param also: how the runs may end as well, where either is right.
    :param tries: how many the task takes; of a mapped one, the index that it happens to. Without the kill it is fewer.
    :param spare_tries: how many more Airflow itself may cost the task.
    :param costs: what should not be; a case with any is a known limit.
    :param limit: which of the known limits that is, for the table; several cases may show the same one.
    :param prevented_by: what spares a user this limit, for the table; empty where nothing does.
    :param before_3_3: what differs on Airflow before 3.3, which neither keeps a state of each task nor tells a worker
        that its supervisor is to stop.
    :param shape: ``actor``, ``task`` (a saved one), ``mapped``, ``export`` (of the dataset, by a second task),
        ``crowded``, ``beside``, or ``items``.
    :param operator: arguments beyond the usual ones.
    :param dies_at: where the worker of the first attempt kills itself, see :data:`tests.chaos.crash.POINTS`.
    :param is_machine: whether the worker's supervisor dies too.
    :param sleeps: whether both only sleep there.
    :param faults: of the local Apify, from the start.
    :param settings: of the local Apify.
    :param acts: what is done while the task is under way.
    :param clears: how often the user asks for another run.
    :param given_up: how many runs are rightly aborted: by the user at Apify, or because their start came too late.
    :param storm: what happens to what all tasks share, of :data:`tests.chaos.storms.STORMS`; cases of the same one are
        played together, and it comes when all of them are where they should be.
    :param is_alone: whether it stops what other cases need.
    :param is_quick: whether it is among the few that every test run repeats.
    :param has_plain: whether a plain client can be put through the same.
    """

    key: str
    section: str
    happens: str
    then: str
    runs: tuple[str, ...] = ("SUCCEEDED",)
    also: tuple[str, ...] | None = None
    state: str = "success"
    tries: int = 1
    spare_tries: int = 0
    costs: Counts = NONE
    limit: str = ""
    prevented_by: str = ""
    before_3_3: Mapping[str, Any] = field(default_factory=dict)
    shape: str = "actor"
    deferrable: bool = False
    run_input: Mapping[str, Any] = field(default_factory=lambda: SHORT)
    operator: Mapping[str, Any] = field(default_factory=dict)
    dies_at: str | None = None
    is_machine: bool = False
    sleeps: bool = False
    faults: tuple[Fault, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    acts: Acts = nothing
    clears: int = 0
    given_up: int = 0
    storm: str | None = None
    is_alone: bool = False
    is_quick: bool = False
    has_plain: bool = False

    @property
    def is_limit(self) -> bool:
        """Whether the promise does not hold here."""
        return self.costs != NONE

    @property
    def struck(self) -> str:
        """The task that it happens to."""
        return EXPORT if self.shape == "export" else TASK

    @property
    def keeps_run(self) -> bool:
        """Whether the user wants the run to go on without its task."""
        return self.operator.get("abort_on_kill") is False or self.operator.get("wait_for_completion") is False

    @property
    def mode(self) -> str:
        """How the task waits, for the table."""
        return "deferred" if self.deferrable else "in a worker"

    @property
    def here(self) -> Case:
        """The case as it is on this Airflow."""
        return self if HAS_STORE else replace(self, **self.before_3_3)

    def like(self, **changes: Any) -> Case:
        """Return another case that differs by this."""
        return replace(self, **changes)

    def both_ways(self, **deferred: Any) -> Iterator[Case]:
        """Yield the case as it is, and with a task that defers.

        :param deferred: what differs then.
        """
        yield self
        changes: dict[str, Any] = {
            "key": f"{self.key}_deferred",
            "deferrable": True,
            "has_plain": False,
            "is_quick": False,
            "before_3_3": {},
        }
        yield replace(self, **changes | deferred)


def hold(requests: Mapping[str, Any], *, after_commit: bool = False, seconds: float = HOLD_SECONDS) -> Fault:
    """Return a fault that holds the next such request for a moment.

    :param after_commit: whether it is done what was asked before the request is held.
    """
    action = "delay-after-commit" if after_commit else "delay"
    return {"action": action, **requests, "seconds": seconds}
