"""Kill a worker's process, or let it sleep, from inside, at an exact point; loaded by the DAGs of the fault harness."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.chaos.case import STRUCK_INDEX


@dataclass(frozen=True)
class Point:
    """A point in the life of an attempt: a call that the process does not survive, or sleeps at.

    :param module: where the class is.
    :param owner: the class.
    :param method: whose call it is.
    :param after: whether the call is still made.
    :param message: only the call that passes a message of this class.
    """

    module: str
    owner: str
    method: str
    after: bool = False
    message: str | None = None

    def arm(self, note: Path, strike: Callable[[], None]) -> None:
        """Let something happen to this process when it comes here.

        :param note: a file that is there then, so that the harness knows of it.
        :param strike: what happens; the process may survive it.
        """
        owner = getattr(import_module(self.module), self.owner)
        original = getattr(owner, self.method)

        @functools.wraps(original)
        def deadly(*arguments: Any, **named: Any) -> Any:
            if not self._is_meant((*arguments, *named.values())):
                return original(*arguments, **named)
            done = original(*arguments, **named) if self.after else None
            note.touch()
            strike()
            return done if self.after else original(*arguments, **named)

        setattr(owner, self.method, deadly)

    def _is_meant(self, arguments: tuple[Any, ...]) -> bool:
        return self.message is None or any(type(argument).__name__ == self.message for argument in arguments)


_OPERATOR = ("airflow_provider_apify.operators.run_actor", "RunActorOperator")
_MEMORY = ("airflow_provider_apify.operators._run_memory", "RunMemory")
_SUPERVISOR = ("airflow.sdk.execution_time.comms", "CommsDecoder")

POINTS: Mapping[str, Point] = MappingProxyType(
    {
        "before the intent is stored": Point(*_MEMORY, "note_intent"),
        "before the POST": Point(*_MEMORY, "note_intent", after=True),
        "the answer is there, the id is not stored": Point(*_MEMORY, "note_run"),
        "the id is stored, the links are not": Point(*_MEMORY, "note_run", after=True),
        "before it defers": Point(*_OPERATOR, "defer"),
        "before Airflow knows that it has deferred": Point(*_SUPERVISOR, "send", message="DeferTask"),
        "resumed, before it reads the event": Point(*_OPERATOR, "execute_complete"),
        "before the result is returned": Point(*_OPERATOR, "_finish", after=True),
        "before Airflow knows of the success": Point(*_SUPERVISOR, "send", message="SucceedTask"),
    }
)
"""By the words that the cases use."""


def die() -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process outlived SIGKILL")


def die_with_the_machine() -> None:
    """Kill this process, and its supervisor first, as if the machine had lost its power."""
    os.kill(os.getppid(), signal.SIGKILL)
    die()


def sleep_with_the_machine() -> None:
    """Stop this process and its supervisor where they are, until the harness lets them go on."""
    os.kill(os.getppid(), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)


def strike_at(point: str, note: Path, strike: Callable[[], None]) -> Callable[[Any], None]:
    """Return a task's ``pre_execute`` that lets its first attempt be struck there; of a mapped task, that of one index.

    :param point: of :data:`POINTS`.
    :param note: and ``strike``: see :meth:`Point.arm`.
    """
    POINTS[point]  # a misspelt point fails the DAG

    def arm(context: Any) -> None:
        ti = context["ti"]
        if ti.try_number == 1 and ti.map_index in {-1, STRUCK_INDEX}:
            POINTS[point].arm(note, strike)

    return arm


def death_note(folder: str | Path, dag_id: str) -> Path:
    """Return the file that tells that a worker of this DAG has been struck where it was to be."""
    return Path(folder) / f"{dag_id}.died"
