"""Content codings: how bodies are packed, both ways."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping

import brotli

MAX_UNPACKED_BYTES = 256 * 1024 * 1024
"""What no body may be longer than once it is unpacked, whatever the settings say."""
IDENTITY = "identity"
_WINDOWS: Mapping[str, int] = {"gzip": 31, "deflate": 15}
"""The size of zlib's window, and with it the header."""
CODINGS = ("br", *_WINDOWS)
"""What bodies may be packed with, best first."""
_BROTLI_QUALITY = 1
_ZLIB_LEVEL = 1


class UnpackError(ValueError):
    """A body is not packed as it says."""


class TooLongError(ValueError):
    """A body unpacks to more than there is room for."""


def unpacked(body: bytes, coding: str, limit: int = MAX_UNPACKED_BYTES) -> bytes:
    """Return what a body was before it was packed.

    :param coding: one of ``CODINGS``.
    :param limit: bytes that there is room for.
    :raises UnpackError: it is not packed like that.
    :raises TooLongError: it unpacks to more than the limit.
    """
    try:
        whole = _UNPACK[coding](body, limit + 1)
    except (brotli.error, zlib.error, gzip.BadGzipFile, EOFError):
        raise UnpackError(f"The body is not encoded as {coding}.") from None
    if len(whole) > limit:
        raise TooLongError(f"The POST payload is too large: it unpacks to more than {limit} bytes.")
    return whole


def _from_brotli(body: bytes, size: int) -> bytes:
    unpacker = brotli.Decompressor()
    whole: bytes = unpacker.process(body, output_buffer_limit=size)
    return _checked(whole, is_whole=unpacker.is_finished() or len(whole) >= size)


def _from_gzip(body: bytes, size: int) -> bytes:
    """Unpack; several bodies packed with gzip, one after the other, are one."""
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        return _checked(file.read(size), is_whole=bool(body))


def _from_deflate(body: bytes, size: int) -> bytes:
    unpacker = zlib.decompressobj()
    whole = unpacker.decompress(body, size)
    return _checked(whole, is_whole=unpacker.eof or len(whole) >= size)


def _checked(whole: bytes, *, is_whole: bool) -> bytes:
    if not is_whole:
        raise EOFError
    return whole


_UNPACK: Mapping[str, Callable[[bytes, int], bytes]] = {
    "br": _from_brotli,
    "gzip": _from_gzip,
    "deflate": _from_deflate,
}


def preferred(accepted: str) -> str:
    """Return the coding that suits a client best.

    :param accepted: its ``Accept-Encoding``, for example ``"gzip;q=0.5, br"``.
    """
    weights = _weights(accepted)
    best = max(CODINGS, key=lambda coding: weights.get(coding, 0.0))
    return best if weights.get(best) else IDENTITY


def accepts(accepted: str, coding: str) -> bool:
    """Tell whether a client can unpack a coding."""
    return _weights(accepted).get(coding, 0.0) > 0


def _weights(accepted: str) -> dict[str, float]:
    return dict(_weighed(each) for each in accepted.lower().split(",") if each.strip())


def _weighed(entry: str) -> tuple[str, float]:
    name, _, weight = entry.strip().partition(";")
    text = weight.strip().removeprefix("q=")
    return name.strip(), float(text) if text.replace(".", "", 1).isdecimal() else 1.0


def packed(pieces: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Pack a body while it is made.

    :param coding: one of ``CODINGS``, or ``IDENTITY``, which leaves it as it is.
    """
    if coding == IDENTITY:
        yield from pieces
        return
    pack, finish = _brotli() if coding == "br" else _zlib(_WINDOWS[coding])
    for piece in pieces:
        yield pack(piece)
    yield finish()


def _brotli() -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    packer = brotli.Compressor(quality=_BROTLI_QUALITY)
    return packer.process, packer.finish


def _zlib(window: int) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    packer = zlib.compressobj(level=_ZLIB_LEVEL, wbits=window)
    return packer.compress, packer.flush
