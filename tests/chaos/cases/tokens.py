"""The token changes, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.chaos.acts import lost_between_tries
from tests.chaos.case import STARTS, Case, hold
from tests.chaos.cases.states import LOG
from tests.chaos.moments import between_tries, struck, watched
from tests.chaos.user_acts import expire_and_renew, expire_in_the_retry, replace_token_late, rotate_token

_ROTATED = "The token is rotated: the connection has the new one, and Apify refuses the old one"
_LATE = "The token is rotated at Apify, and in the connection only later"
_EXPIRED = "The token is refused, and is valid again later"
_LOOKS_AGAIN = "The connection is looked up again, and the new token used."
_RETRIES = "The attempt fails, and nothing is aborted; the retry goes on with the run."
_LONG: dict[str, Any] = {"durationSecs": 70, "items": 3}

_HOLD_SECONDS = 15.0
"""How long Apify holds a request: a connection is not changed at once where many users change things."""


def _token(section: str, key: str, happens: str, then: str, **details: Any) -> Case:
    usual: dict[str, Any] = {"run_input": _LONG, "operator": {"poll_interval": 2, "retry_delay": 8}}
    return Case(key=f"token_{key}", section=section, happens=happens, then=then, **usual | details)


def _rotated() -> Iterator[Case]:
    yield from _token(
        _ROTATED, "rotated", "while the run goes on", _LOOKS_AGAIN, acts=rotate_token(watched)
    ).both_ways()
    yield from _token(
        _ROTATED,
        "rotated_starting",
        "while the start request is under way; it is refused",
        f"Nothing was started. {_LOOKS_AGAIN}",
        faults=(hold(STARTS, seconds=_HOLD_SECONDS),),
        acts=rotate_token(struck),
        spare_tries=1,
    ).both_ways()
    yield from _token(
        _ROTATED,
        "rotated_started",
        "when Apify has started the run, before the answer arrives",
        _LOOKS_AGAIN,
        faults=(hold(STARTS, after_commit=True, seconds=_HOLD_SECONDS),),
        acts=rotate_token(struck),
    ).both_ways()
    yield _token(
        _ROTATED,
        "rotated_resumed",
        "when the task has been resumed, and reads what became of the run",
        _LOOKS_AGAIN,
        deferrable=True,
        run_input={"durationSecs": 2, "items": 3},
        faults=(hold(LOG, seconds=_HOLD_SECONDS),),
        acts=rotate_token(struck),
    )
    yield _token(
        _ROTATED,
        "rotated_between_tries",
        "between two tries, while the run goes on (the worker was killed)",
        "The retry goes on with the run, with the new token.",
        tries=2,
        acts=rotate_token(lost_between_tries),
    )
    yield from _token(
        _LATE, "replaced_late", "while the run goes on", _RETRIES, tries=2, acts=replace_token_late(watched)
    ).both_ways()


def _expired() -> Iterator[Case]:
    yield from _token(
        _EXPIRED, "expires", "while the run goes on", _RETRIES, tries=2, acts=expire_and_renew(watched)
    ).both_ways()
    yield from _token(
        _EXPIRED,
        "expires_started",
        "when Apify has started the run, before the answer arrives",
        _RETRIES,
        tries=2,
        faults=(hold(STARTS, after_commit=True, seconds=_HOLD_SECONDS),),
        acts=expire_and_renew(struck),
    ).both_ways()
    yield from _token(
        _EXPIRED,
        "expires_in_doubt",
        "when the answer to the start is lost, before the run is looked for",
        "The attempt fails, because a run may go on; the retry finds it by its marker, and goes on with it.",
        tries=2,
        faults=(
            {**STARTS, "action": "cut-after-commit"},
            {"action": "expire-token", "method": "GET", "path": "/v2/actor*/runs"},
        ),
        acts=expire_and_renew(between_tries),
    ).both_ways()
    yield _token(
        _EXPIRED,
        "expires_between_tries",
        "between two tries, while the run goes on (the worker was killed), and is valid again after the second",
        "The second try fails, and nothing is aborted; the third goes on with the run.",
        tries=3,
        acts=expire_in_the_retry,
    )


CASES = (*_rotated(), *_expired())
