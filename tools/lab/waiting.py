"""Wait for a condition, with an end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_SECONDS = 0.2


def wait_until(condition: Callable[[], T | None], what: str, *, timeout: float, poll: float = POLL_SECONDS) -> T:
    """Call a condition again and again until it returns something true, and return that.

    :param what: completes the sentence "Waited N s for ..." when the time is over.
    :param timeout: seconds.
    :param poll: seconds between two calls.
    :raises TimeoutError: the condition never held. Exceptions of the condition itself pass through.
    """
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {timeout:.0f} s for {what}")
        time.sleep(poll)
    return answer
