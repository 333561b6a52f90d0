"""What takes the bodies of answers. No I/O of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Piece = TypeVar("Piece")


class TakerFails(Exception):
    """What takes an answer has failed: that is no fault of the answer, which is not to be asked for again.

    :param error: its own, which ends what goes on.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def hand_on(take: Callable[[Piece], object], piece: Piece) -> None:
    """Have a taker take a piece of a body.

    :raises TakerFails: it does not.
    """
    try:
        take(piece)
    except Exception as error:
        raise TakerFails(error) from error
