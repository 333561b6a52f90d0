"""Work beside the reading, on a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
_GIVE_UP_SECONDS = 60.0


class Beside(Generic[T]):
    """One thread that works things off in order.

    A signal may interrupt whoever hands them over at any moment. So only queues of one step are used: their locks are
    never left closed, and none is waited for that a thread which was interrupted holds.

    :param work: does one.
    :param room: how many may wait.
    :param at_end: called on the thread after the last one.
    """

    def __init__(self, work: Callable[[T], object], room: int, at_end: Callable[[], object] = lambda: None) -> None:
        self._work, self._at_end = work, at_end
        self._things: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._over: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(room):
            self._room.put(None)
        self._error: BaseException | None = None
        self._is_wanted, self._is_over = True, False
        self._name = "apify-output"

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._go, name=self._name, daemon=True).start()

    @property
    def has_room(self) -> bool:
        """Whether nothing has to be waited for before another one is handed over."""
        return not self._room.empty()

    def put(self, thing: T) -> None:
        """Wait for room and hand something over.

        :raises BaseException: what went wrong with an earlier one.
        """
        self._raise()
        self._room.get()
        self._things.put(thing)

    def finish(self) -> None:
        """Wait until all is worked off.

        :raises BaseException: what went wrong with one of them.
        """
        self._things.put(None)
        self._over.get()
        self._raise()

    def give_up(self) -> None:
        """Drop what waits, and wait for the one at work; not without end for a target that hangs."""
        self._is_wanted = False
        self._things.put(None)
        if not self._is_over:
            with suppress(queue.Empty):
                self._over.get(timeout=_GIVE_UP_SECONDS)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _go(self) -> None:
        while (thing := self._things.get()) is not None:
            self._room.put(None)
            if not self._is_wanted:
                continue  # whoever hands another one over must not wait for room
            try:
                self._work(thing)
            except BaseException as error:  # noqa: BLE001 - raised again where things are handed over
                self._error = error
                self._is_wanted = False
        self._at_end()
        self._is_over = True
        self._over.put(None)
