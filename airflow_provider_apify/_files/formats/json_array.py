"""Lines as the body of a file: as they are, or as one JSON array."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_apify._files.dataset.reader import Take


class Body(Protocol):
    """Makes the body of a file of lines.

    :param take: takes the body's bytes.
    """

    def __init__(self, take: Take) -> None: ...

    def add(self, lines: bytes | memoryview) -> None:
        """Append lines, or parts of lines."""

    def close(self) -> None:
        """End the body."""


class Lines:
    """Leaves lines as they are.

    :param take: takes them.
    """

    def __init__(self, take: Take) -> None:
        self._take = take

    def add(self, lines: bytes | memoryview) -> None:
        """Append lines, or parts of lines."""
        self._take(lines)

    def close(self) -> None:
        """Add nothing."""


class ArrayOfLines:
    """Turns lines into a JSON array without parsing them: JSON text holds no bare line break.

    :param take: takes the array's bytes.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self._before = b"[\n"

    def add(self, lines: bytes | memoryview) -> None:
        """Append lines, or parts of lines."""
        if not lines:
            return
        piece = bytes(lines)
        # The break at the end of a piece becomes a comma only when another line follows.
        open_piece = piece.removesuffix(b"\n")
        self._take(self._before + open_piece.replace(b"\n", b",\n"))
        self._before = b"" if len(open_piece) == len(piece) else b",\n"

    def close(self) -> None:
        """End the array."""
        self._take(b"[]\n" if self._before == b"[\n" else b"\n]\n")
