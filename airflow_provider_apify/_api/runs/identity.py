"""Whose run a run is: the marker that a start carries in its User-Agent. No I/O."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Self

_MARKER = re.compile(r"start=(?P<task>[0-9a-f]{20})\.(?P<rerun>\d+)-(?P<attempt>\d+)$")


@dataclass(frozen=True)
class Identity:
    """Which attempt of which task instance a start belongs to.

    :param task: hash of DAG id, task id, DAG run id and map index.
    :param rerun: tells deliberate reruns apart: Airflow raises ``max_tries`` when a user clears a task that is deferred
        or over. (The DAG run's ``clear_number`` would not do: since 3.2 it counts clears of other tasks too.)
    :param attempt: Airflow's ``try_number``.
    """

    task: str
    rerun: int
    attempt: int

    @classmethod
    def of(cls, ti: Any, *, installation: str = "") -> Self:
        """Read an Airflow task instance.

        :param installation: name of this Airflow, where several share one Apify account.
        """
        key = json.dumps([installation, ti.dag_id, ti.task_id, ti.run_id, ti.map_index])
        return cls(hashlib.sha256(key.encode()).hexdigest()[:20], int(ti.max_tries), int(ti.try_number))

    @classmethod
    def of_key(cls, key: str, *, installation: str = "") -> Self:
        """Make the identity of what is started once under a key, whoever asks and however often."""
        text = json.dumps(["key", installation, key])
        return cls(hashlib.sha256(text.encode()).hexdigest()[:20], rerun=0, attempt=1)

    @classmethod
    def parse(cls, user_agent: str | None) -> Self | None:
        """Read the marker at the end of a User-Agent; ``None`` where there is none."""
        found = _MARKER.search(user_agent or "")
        return cls(found["task"], int(found["rerun"]), int(found["attempt"])) if found else None

    @property
    def marker(self) -> str:
        """The words that Apify keeps with the run."""
        return f"start={self.task}.{self.rerun}-{self.attempt}"
