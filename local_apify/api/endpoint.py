"""Operations of the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from local_apify.api.call import Call

Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """An operation of the API.

    :param template: its path, as in the OpenAPI document.
    :param is_public: whether it answers without a token.
    """

    method: str
    template: str
    handler: Handler
    is_public: bool = False

    @property
    def is_api(self) -> bool:
        """Whether it belongs to the API: the shop does not."""
        return self.template.startswith("/v2/")
