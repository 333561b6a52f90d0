"""The event loop's one session."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_apify._api.sessions import shared_session


async def test_all_users_on_a_loop_share_one_session_which_the_last_one_closes() -> None:
    async with shared_session() as first:
        async with shared_session() as second:
            assert second is first
        closed_for_the_other = first.closed
    assert (closed_for_the_other, first.closed) == (False, True)
    async with shared_session() as third:
        assert third is not first


async def test_a_user_that_fails_does_not_close_the_session_of_the_others() -> None:
    async def fail() -> None:
        async with shared_session():
            raise ConnectionError

    async with shared_session() as session:
        with pytest.raises(ConnectionError):
            await fail()
        assert not session.closed


def test_each_loop_has_its_own_session() -> None:
    async def session() -> Any:
        async with shared_session() as lent:
            return lent

    assert asyncio.run(session()) is not asyncio.run(session())
