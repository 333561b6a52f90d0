"""Where the promise does not hold: whoever could abort the run is dead, not told, or not let in."""

from __future__ import annotations

from typing import Any

from tests.chaos.acts import kill_triggerer_until_the_end, kill_worker, shut_worker_down
from tests.chaos.case import ENDLESS, LONG_HOLD_SECONDS, START_SETTLE_SECONDS, STARTS, Case, Counts, hold
from tests.chaos.moments import struck, watched
from tests.chaos.user_acts import expire_token, mark, mark_when_the_worker_is_lost

SECTION = "Known limits"
LAST_ATTEMPT = "The last attempt dies"
NOBODY_TOLD = "A user ends a task that nobody works for"
NO_TOKEN = "The token expires for good"
TOO_LATE = "Apify starts the run later than anybody looks for it"
_RETRIES = "`retries`: the next attempt goes on with the run"
_ENDS_ITSELF = "the run goes on until its own `timeout`."
_NOBODY = f"Airflow tells nobody of it; {_ENDS_ITSELF}"
_DEFERRED = "`deferrable=True`: while the task waits, no worker can be lost"
_ORPHAN: dict[str, Any] = {
    "section": SECTION,
    "run_input": ENDLESS,
    "runs": ("TIMED-OUT",),
    "costs": Counts(orphaned=1),
    "state": "failed",
}

_TOKEN_EXPIRES = Case(
    key="limit_token_expires",
    limit=NO_TOKEN,
    happens="The token expires while the run goes on, and no attempt has another.",
    then=f"Each attempt fails. Without a token nobody can abort the run; {_ENDS_ITSELF}",
    prevented_by="a valid token in the connection while retries are left: the next attempt goes on with the run",
    operator={"timeout": 110, "poll_interval": 2},
    tries=3,
    acts=expire_token(watched),
    has_plain=True,
    **_ORPHAN,
)
_MARK_WHILE_START_IS_ON_ITS_WAY = Case(
    key="limit_mark_while_start_is_on_its_way",
    limit=TOO_LATE,
    happens="A user marks the task while its start request is on its way, and Apify starts the run later than "
    "Airflow kills the worker (5 seconds after it has told it).",
    then=f"When the worker looks for the run, there is none yet; {_ENDS_ITSELF}",
    operator={"timeout": 30},
    faults=(hold(STARTS, seconds=LONG_HOLD_SECONDS),),
    acts=mark(struck, "failed"),
    has_plain=True,
    **_ORPHAN,
)

CASES = (
    Case(
        key="limit_last_attempt_dies",
        limit=LAST_ATTEMPT,
        happens="The worker is killed while it waits for the run, on its last attempt (`retries=0`).",
        then=f"Nobody comes after it; {_ENDS_ITSELF}",
        prevented_by=_RETRIES,
        operator={"timeout": 30, "retries": 0},
        acts=kill_worker(watched),
        has_plain=True,
        **_ORPHAN,
    ),
    Case(
        key="limit_last_attempt_dies_deferred",
        limit=LAST_ATTEMPT,
        happens="The worker is killed after the start, before it defers, on its last attempt (`retries=0`).",
        then=f"Nobody comes after it; {_ENDS_ITSELF}",
        prevented_by=_RETRIES,
        operator={"timeout": 30, "retries": 0},
        dies_at="before it defers",
        deferrable=True,
        **_ORPHAN,
    ),
    Case(
        key="limit_mark_when_worker_is_lost",
        limit=NOBODY_TOLD,
        happens="The worker is killed while it waits for the run, and a user marks the task before the next try.",
        then=_NOBODY,
        prevented_by=_DEFERRED,
        operator={"timeout": 30, "retry_delay": 900},
        has_plain=True,
        acts=mark_when_the_worker_is_lost(kill_worker, "failed"),
        **_ORPHAN,
    ),
    Case(
        key="limit_mark_when_worker_is_shut_down",
        limit=NOBODY_TOLD,
        happens="The worker is shut down (SIGTERM) while it waits for the run, and a user marks the task before the "
        "next try.",
        then=f"The run was left for the next try. {_NOBODY}",
        prevented_by=_DEFERRED,
        operator={"timeout": 60, "retry_delay": 900},  # before 3.3, only its silence tells that the worker is lost
        acts=mark_when_the_worker_is_lost(shut_worker_down, "failed"),
        **_ORPHAN,
    ),
    Case(
        key="limit_mark_while_triggerer_is_away",
        limit=NOBODY_TOLD,
        happens="The triggerer is dead, a user marks the task, and no other triggerer comes before the run ends.",
        then=_NOBODY,
        prevented_by="a second triggerer",
        operator={"timeout": 40},
        acts=kill_triggerer_until_the_end("failed"),
        deferrable=True,
        is_alone=True,
        **_ORPHAN,
    ),
    *_TOKEN_EXPIRES.both_ways(),
    *_MARK_WHILE_START_IS_ON_ITS_WAY.both_ways(),
    Case(
        key="limit_start_arrives_too_late",
        section=SECTION,
        limit=TOO_LATE,
        happens="The worker is killed while its start request is on its way, and Apify starts the run later than "
        "`start_settle_seconds` after the retry has begun to look for it.",
        then="The retry starts another run and uses it; nobody knows of the late one.",
        prevented_by="a larger `start_settle_seconds` on the connection",
        runs=("SUCCEEDED", "SUCCEEDED"),
        costs=Counts(orphaned=1),
        has_plain=True,
        tries=2,
        faults=(hold(STARTS, seconds=10 * START_SETTLE_SECONDS),),
        acts=kill_worker(struck),
    ),
)
