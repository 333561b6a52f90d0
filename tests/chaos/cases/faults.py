"""Requests go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.chaos.case import LOOKS, STARTS, Case

_START = "The start request"
_WATCH = "A look at the run"
_LOST = "It is not repeated blindly: the run is looked up at Apify, found by its marker, and used."
_NOT_STARTED = "The run is looked up at Apify and not found until the settling time is over; then it is started."
_LATER = {"durationSecs": 4, "items": 3}


def _start(key: str, happens: str, then: str, *faults: Mapping[str, Any], **details: Any) -> Case:
    together = tuple({**STARTS, **fault} for fault in faults)
    plain = {"has_plain": True} | details
    return Case(key=key, section=_START, happens=happens, then=then, faults=together, **plain)


def _look(key: str, happens: str, then: str, **fault: Any) -> Case:
    return Case(
        key=key,
        section=_WATCH,
        happens=happens,
        then=then,
        faults=({**LOOKS, **fault},),
        run_input=_LATER,
        has_plain=True,
    )


def _refused_look(status: int) -> Case:
    return Case(
        key=f"look_proxy_{status}",
        section=_WATCH,
        happens=f"is answered {status} by a proxy, in place of Apify, when the run has gone on for seconds",
        then="That says nothing of the run: it is repeated.",
        faults=({**LOOKS, "action": "answer", "status": status, "text": "<h1>No</h1>", "skip": 2, "times": 2},),
        run_input={"durationSecs": 20, "items": 3},
        operator={"poll_interval": 1},
    )


_STARTS = (
    _start(
        "start_cut_before", "is cut off before Apify has started the run", _NOT_STARTED, {"action": "cut-before-commit"}
    ),
    _start(
        "start_cut_after",
        "is cut off after Apify has started the run",
        _LOST,
        {"action": "cut-after-commit"},
        is_quick=True,
    ),
    _start(
        "start_500_before", "is answered 500; nothing was started", _NOT_STARTED, {"action": "answer", "status": 500}
    ),
    _start(
        "start_500_after",
        "is answered 500; the run was started",
        _LOST,
        {"action": "answer-after-commit", "status": 500},
    ),
    _start(
        "start_502_after",
        "is answered 502; the run was started",
        _LOST,
        {"action": "answer-after-commit", "status": 502},
    ),
    _start(
        "start_504_after",
        "is answered 504; the run was started",
        _LOST,
        {"action": "answer-after-commit", "status": 504},
    ),
    _start("start_garbage", "is answered 200 with bytes that are no JSON", _LOST, {"action": "garbage"}),
    _start(
        "start_body_cut",
        "is answered, and the connection breaks inside the body",
        _LOST,
        {"action": "cut-body", "after_bytes": 40},
    ),
    _start(
        "start_body_short",
        "is answered with the beginning of a body",
        _LOST,
        {"action": "end-body-early", "after_bytes": 40},
    ),
    _start(
        "start_slow",
        "is answered slowly, a few bytes at a time",
        "The answer is awaited.",
        {"action": "throttle", "bytes_per_second": 1000},
    ),
    _start(
        "start_429",
        "is answered 429 with Retry-After, three times",
        "Nothing was started; it is repeated after the time named.",
        {
            "action": "answer",
            "status": 429,
            "error_type": "rate-limit-exceeded",
            "headers": {"Retry-After": "1"},
            "times": 3,
        },
    ),
    _start(
        "start_lost_twice",
        "is cut off after Apify has started the run, and so is the first look for it",
        _LOST,
        {"action": "cut-after-commit"},
        {"action": "cut-before-commit", "method": "GET", "path": "/v2/actor*/runs"},
    ),
    _start(
        "start_lost_lagging",
        "is cut off after Apify has started the run, and Apify's lists show it only seconds later",
        _LOST,
        {"action": "cut-after-commit"},
        {"action": "lag", "method": "GET", "path": "*", "seconds": 3, "times": None},
    ),
    _start(
        "start_lost_and_unknown",
        "is cut off after Apify has started the run, and Apify answers four looks for it with 503",
        "It is asked on until the run is found.",
        {"action": "cut-after-commit"},
        {"action": "answer", "method": "GET", "path": "/v2/actor*/runs", "status": 503, "times": 4},
    ),
    _start(
        "start_refused_for_good",
        "is refused because the input is wrong (400)",
        "The task fails at once, without retries; nothing was started.",
        {"action": "answer", "status": 400, "error_type": "invalid-input", "times": None},
        runs=(),
        state="failed",
    ),
    _start(
        "start_token_expired",
        "is refused because the token is not valid any more (401)",
        "The task fails at once, without retries; nothing was started.",
        {"action": "answer", "status": 401, "error_type": "user-or-token-not-found", "times": None},
        runs=(),
        state="failed",
    ),
)
_LOOKS = (
    _look("look_cut", "is cut off", "It is repeated.", action="cut-before-commit", times=2),
    _look("look_500", "is answered 500", "It is repeated.", action="answer", status=500, times=2),
    _look(
        "look_404",
        "is answered 404, by a replica that lags",
        "It is repeated.",
        action="answer",
        status=404,
        error_type="record-not-found",
        times=1,
    ),
    _look(
        "look_429",
        "is answered 429",
        "It is repeated.",
        action="answer",
        status=429,
        error_type="rate-limit-exceeded",
        times=2,
    ),
    _look("look_garbage", "is answered 200 with bytes that are no JSON", "It is repeated.", action="garbage", times=2),
    *map(_refused_look, (403, 404)),
)

CASES = (
    *(case for start in _STARTS for case in start.both_ways()),
    *(case for look in _LOOKS for case in look.both_ways()),
)
