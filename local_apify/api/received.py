"""The body of a request: read, unpacked, and understood as JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from local_apify.api.bodies import JsonObject, parse_json
from local_apify.settings import Settings
from local_apify.world.codings import CODINGS, IDENTITY, MAX_UNPACKED_BYTES, TooLongError, UnpackError, unpacked
from local_apify.world.errors import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request


class Body:
    """What a request has sent.

    :param settings: how long it may be.
    """

    def __init__(self, request: Request, settings: Settings) -> None:
        self._request, self._settings = request, settings

    @property
    def coding(self) -> str:
        """Its Content-Encoding."""
        return self._request.headers.get("content-encoding", IDENTITY).strip().lower() or IDENTITY

    async def read(self, limit: int | None = None) -> bytes:
        """Return it, unpacked as its Content-Encoding says.

        Apify's clients look at its length before they pack it, and push what is as long as other bodies may be.

        :param limit: bytes, as it is sent; ``None`` for the one that most operations have.
        :raises ApiError: it is too long as it is sent, or unpacked, or packed in an unknown way.
        """
        longest = self._settings.max_body_bytes
        return await self.unpack(await self.packed(limit or longest), max(limit or 0, longest))

    async def packed(self, limit: int) -> bytes:
        """Return it as it was sent.

        :raises ApiError: it is longer than the limit.
        """
        chunks: list[bytes] = []
        size = 0
        async for chunk in self._request.stream():
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
        if size > limit:
            message = f"The POST payload is too large (limit: {limit} bytes, actual length: {size} bytes)."
            raise ApiError(413, "request-too-large", message)
        return b"".join(chunks)

    async def unpack(self, body: bytes, limit: int) -> bytes:
        """Return what it was before it was packed as the Content-Encoding says; others are served meanwhile.

        :param limit: bytes that it may have then.
        :raises ApiError: it is longer, or packed in an unknown way, or in another.
        """
        if self.coding == IDENTITY:
            return body
        if self.coding not in CODINGS:
            raise ApiError(415, "unsupported-content-encoding", f'Content-Encoding "{self.coding}" is not supported.')
        try:
            return await asyncio.to_thread(unpacked, body, self.coding, min(limit, MAX_UNPACKED_BYTES))
        except UnpackError as error:
            raise ApiError(400, "invalid-input", str(error)) from None
        except TooLongError as error:
            raise ApiError(413, "request-too-large", str(error)) from None

    async def json(self, limit: int | None = None) -> Any:
        """Return its JSON value.

        :raises ApiError: it is no JSON.
        """
        return parse_json(await self.read(limit), "invalid-input")

    async def json_object(self) -> JsonObject:
        """Return its JSON object, empty if there is no body.

        :raises ApiError: it is something else.
        """
        return JsonObject(parse_json(await self.read() or b"{}", "invalid-input"))
