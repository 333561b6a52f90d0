"""The official ``apify-client``, sync and async, on the local Apify: each test is a program for both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from apify_client import ApifyClient, ApifyClientAsync
from apify_client._resource_clients._resource_client import ResourceClientBase

from local_apify import LocalApify

_EVERYTHING = Path(__file__).with_name("test_everything.py")
USED: set[tuple[str, str]] = set()
"""What the programs have used so far: the class of a client, and the name of its method."""


class Noted:
    """Take note of what is used of the async client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*args: Any, **options: Any) -> Any:
            USED.add((type(self._client).__name__, name))
            result = method(*args, **options)
            return Noted(result) if isinstance(result, ResourceClientBase) else result

        return call


class Awaited:
    """Let the sync client be used as the async one is, so that a program need not be written twice.

    What the async client gives as a coroutine, an async iterator or an async context manager, this one does, too.
    """

    def __init__(self, client: ApifyClient | ResourceClientBase) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*args: Any, **options: Any) -> Any:
            USED.add((type(self._client).__name__, name))
            result = method(*args, **options)
            if isinstance(result, ResourceClientBase):
                return Awaited(result)
            if isinstance(result, Iterator):
                return _iterated(result)
            if isinstance(result, AbstractContextManager):
                return _entered(result)
            return _returned(result)

        return call


async def _iterated(things: Iterator[Any]) -> AsyncIterator[Any]:
    for thing in things:
        yield thing


@asynccontextmanager
async def _entered(context: AbstractContextManager[Any]) -> AsyncIterator[Any]:
    with context as value:
        yield value


async def _returned(value: Any) -> Any:
    return value


async def gathered(things: AsyncIterator[Any]) -> list[Any]:
    """Return everything that an iterator gives."""
    return [thing async for thing in things]


async def whole(answer: Any) -> bytes:
    """Return the body of a streamed answer, whichever client it is of."""
    body: bytes = await answer.aread() if hasattr(answer, "aread") else answer.read()
    return body


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look last at what the programs have left out."""
    items.sort(key=lambda item: item.path == _EVERYTHING)


@pytest.fixture(params=["sync", "async"])
async def official(request: pytest.FixtureRequest, local_apify: LocalApify) -> AsyncIterator[Any]:
    """Return the official client as its users make it, but for the address."""
    address = local_apify.base_url
    if request.param == "async":
        yield Noted(ApifyClientAsync(local_apify.token, api_url=address, api_public_url=address))
    else:
        yield Awaited(ApifyClient(local_apify.token, api_url=address, api_public_url=address))
