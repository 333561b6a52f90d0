"""The characters of a stored file, whatever it is written in."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

NOT_UTF_8 = "it is not UTF-8. Give encoding, for example 'cp1252' or 'utf-16'."


def codec_of(encoding: str | None) -> str:
    """Return the name of an encoding as Python knows it; ``None`` is UTF-8.

    :raises ValueError: Python does not know it, or it is none of text.
    """
    try:
        " ".encode(encoding or "utf-8")
        return codecs.lookup(encoding or "utf-8").name
    except LookupError:
        raise ValueError(
            f"encoding is {encoding!r}, which Python does not know. Give one such as 'utf-8', 'cp1252' or 'utf-16'."
        ) from None


def decoded(pieces: Iterator[bytes], codec: str) -> Iterator[str]:
    """Yield the characters of a file; pieces may end in the middle of one.

    :raises ValueError: bytes that are none, with their line.
    """
    decoder, line = codecs.getincrementaldecoder(codec)(), 1
    for piece, is_last in _with_end(pieces):
        try:
            text = decoder.decode(piece, is_last)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].decode(codec, "ignore").count("\n")
            what = NOT_UTF_8 if codec.startswith("utf-8") else f"it is not {codec}: {error.reason}."
            raise ValueError(f"line {line}: {what}") from None
        line += text.count("\n")
        yield text


def in_utf_8(pieces: Iterator[bytes], codec: str) -> Iterator[bytes]:
    """Yield the same characters in UTF-8."""
    return (text.encode() for text in decoded(pieces, codec))


def _with_end(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces, and an empty last one."""
    for piece in pieces:
        yield piece, False
    yield b"", True
