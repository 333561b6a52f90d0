"""Start again what ends by itself, as every installation does.

Airflow 3.3's scheduler ends where a worker that it starts meets a 500: its local executor cannot read what comes back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tools.lab import AirflowLab

_POLL_SECONDS = 1.0


@contextmanager
def kept_running(lab: AirflowLab) -> Iterator[list[str]]:
    """Keep the components of a lab running; yield the names of those that were started again."""
    restarted: list[str] = []
    is_over = threading.Event()

    def keep() -> None:
        while not is_over.wait(_POLL_SECONDS):
            for name, component in list(lab.components.items()):
                # What a case stops on purpose is taken out first.
                if not component.running and lab.components.get(name) is component:
                    lab.start_component(name)
                    restarted.append(name)

    keeper = threading.Thread(target=keep, name="keeper", daemon=True)
    keeper.start()
    try:
        yield restarted
    finally:
        is_over.set()
        keeper.join()
