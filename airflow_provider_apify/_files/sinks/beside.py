"""Work beside the reading, on a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
_GIVE_UP_SECONDS = 10.0


class Beside(Generic[T]):
    """One thread that works things off in order; it begins with the first.

    A signal may interrupt whoever hands them over at any moment. So only queues of one step are used: their locks are
    never left closed, and none is waited for that a thread which was interrupted holds.

    :param name: of the thread.
    :param work: does one.
    :param room: how many may wait.
    """

    def __init__(self, name: str, work: Callable[[T], object], room: int) -> None:
        self._name, self._work = name, work
        self._things: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._over: queue.SimpleQueue[None] = queue.SimpleQueue()
        # One place, of the thread or of who gives up: where a start was interrupted, nothing else tells who was first.
        self._place: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._place.put(None)
        for _ in range(room):
            self._room.put(None)
        self._error: BaseException | None = None
        self._is_wanted, self._is_begun, self._is_over = True, False, False

    @property
    def has_room(self) -> bool:
        """Whether nothing has to be waited for before another one is handed over."""
        return not self._room.empty()

    def put(self, thing: T) -> None:
        """Wait for room and hand something over. Where that is interrupted, it may be lost.

        :raises BaseException: what went wrong with an earlier one.
        """
        self._raise()
        self._room.get()
        self._things.put(thing)
        if not self._is_begun:
            threading.Thread(target=self._go, name=self._name, daemon=True).start()
            self._is_begun = True

    def finish(self) -> None:
        """Wait until all is worked off.

        :raises BaseException: what went wrong with one of them.
        """
        if self._is_begun:
            self._things.put(None)
            self._over.get()
        self._raise()

    def give_up(self) -> None:
        """Drop what waits, and wait for the one at work; not without end for a storage that hangs."""
        self._is_wanted = False
        self._things.put(None)
        if not self._is_over and not self._takes_place():
            with suppress(queue.Empty):
                self._over.get(timeout=_GIVE_UP_SECONDS)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _takes_place(self) -> bool:
        """Take the place of the thread, if nobody has; then nobody else does."""
        try:
            self._place.get_nowait()
        except queue.Empty:
            return False
        return True

    def _go(self) -> None:
        if not self._takes_place():
            return
        while (thing := self._things.get()) is not None:
            self._room.put(None)
            if not self._is_wanted:
                continue  # whoever hands another one over must not wait for room
            try:
                self._work(thing)
            except BaseException as error:  # noqa: BLE001 - raised again where things are handed over
                self._error = error
                self._is_wanted = False
        self._is_over = True
        self._over.put(None)
