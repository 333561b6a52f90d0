"""One thing that goes wrong, and what has to follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

Acts = Callable[["Scene"], None]
Fault = Mapping[str, Any]

STARTS: Mapping[str, Any] = {"method": "POST", "path": "/v2/actor*/runs"}
LOOKS: Mapping[str, Any] = {"method": "GET", "path": "/v2/actor-runs/*"}
TASK = "run"
SAVED_TASK = "saved"
PLAIN_PREFIX = "plain_"
HOLD_SECONDS = 4.0
"""How long the local Apify holds a request while the harness kills who has sent it."""
SHORT: Mapping[str, Any] = {"durationSecs": 2, "items": 3}
ENDLESS: Mapping[str, Any] = {"durationSecs": 900}


def nothing(_scene: Scene) -> None:
    """Leave the task alone."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    :param key: names the DAG and the row.
    :param section: of the table.
    :param happens: what goes wrong, and when, for the table.
    :param then: what follows, for the table.
    :param runs: how the runs at Apify end, oldest first.
    :param state: how the task ends.
    :param shape: ``actor``, ``task`` (a saved one), ``mapped``, or ``export`` (of the dataset, by a second task).
    :param operator: arguments beyond the usual ones.
    :param dies_at: where the worker of the first attempt kills itself, see :data:`tests.chaos.crash.POINTS`.
    :param is_machine: whether the worker's supervisor dies too.
    :param faults: of the local Apify, from the start.
    :param settings: of the local Apify.
    :param acts: what is done while the task is under way.
    :param clears: how often the user asks for another run.
    :param is_alone: whether it stops what other cases need.
    :param is_quick: whether it is among the few that every test run repeats.
    :param has_plain: whether a plain client can be put through the same.
    """

    key: str
    section: str
    happens: str
    then: str
    runs: tuple[str, ...] = ("SUCCEEDED",)
    state: str = "success"
    shape: str = "actor"
    deferrable: bool = False
    run_input: Mapping[str, Any] = field(default_factory=lambda: SHORT)
    operator: Mapping[str, Any] = field(default_factory=dict)
    dies_at: str | None = None
    is_machine: bool = False
    faults: tuple[Fault, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    acts: Acts = nothing
    clears: int = 0
    is_alone: bool = False
    is_quick: bool = False
    has_plain: bool = False

    @property
    def mode(self) -> str:
        """How the task waits, for the table."""
        return "deferred" if self.deferrable else "in a worker"

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
        }
        yield replace(self, **changes | deferred)


def hold(requests: Mapping[str, Any], *, after_commit: bool = False, **details: Any) -> Fault:
    """Return a fault that holds the next such request for a moment.

    :param after_commit: whether it is done what was asked before the request is held.
    """
    action = "delay-after-commit" if after_commit else "delay"
    return {"action": action, **requests, "seconds": HOLD_SECONDS, **details}
