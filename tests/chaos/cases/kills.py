"""Processes die."""

from __future__ import annotations

from tests.chaos.acts import kill_machine, kill_triggerer_until_the_end, kill_worker, move_trigger, restart
from tests.chaos.case import STARTS, Case, hold
from tests.chaos.moments import struck, watched

_WORKER = "The worker is killed"
_MACHINE = "The machine dies"
_TRIGGERER = "The triggerer dies"
_ATTACHES = "The retry goes on with the run."
_ADOPTS = "The retry finds the run at Apify by its marker and goes on with it."
_LONG = {"durationSecs": 20, "items": 3}
_ITEMS = {"method": "GET", "path": "/v2/datasets/*/items"}

_INSIDE = (
    Case(
        key="worker_before_intent",
        section=_WORKER,
        happens="before it has noted that it will start a run",
        then="Nothing was started; the retry starts the run.",
        tries=2,
        dies_at="before the intent is stored",
    ),
    Case(
        key="worker_before_post",
        section=_WORKER,
        happens="after it has noted that it will start a run, before it sends the request",
        then="The retry looks for the run at Apify, finds none, and starts it.",
        tries=2,
        dies_at="before the POST",
    ),
    Case(
        key="worker_before_id_stored",
        section=_WORKER,
        happens="between Apify's answer and storing the run's id",
        then=_ADOPTS,
        tries=2,
        dies_at="the answer is there, the id is not stored",
        is_quick=True,
    ),
    Case(
        key="worker_before_links",
        section=_WORKER,
        happens="after storing the run's id, before its links are there",
        then=_ATTACHES,
        tries=2,
        dies_at="the id is stored, the links are not",
    ),
    Case(
        key="worker_before_result",
        section=_WORKER,
        happens="after the run has ended, before the task has returned its result",
        then="The retry takes the result of the run that is finished.",
        tries=2,
        dies_at="before the result is returned",
    ),
    Case(
        key="worker_before_success",
        section=_WORKER,
        happens="after the result is stored, before Airflow knows that the task has succeeded",
        then="The retry takes the result of the run that is finished.",
        tries=2,
        dies_at="before Airflow knows of the success",
    ),
)
_DEFERRED = (
    Case(
        key="worker_before_defer",
        section=_WORKER,
        happens="after the start, before it defers",
        then=_ATTACHES,
        tries=2,
        dies_at="before it defers",
        deferrable=True,
    ),
    Case(
        key="worker_before_airflow_knows",
        section=_WORKER,
        happens="after it has deferred itself, before Airflow knows",
        then=_ATTACHES,
        tries=2,
        dies_at="before Airflow knows that it has deferred",
        deferrable=True,
    ),
    Case(
        key="worker_resumed",
        section=_WORKER,
        happens="when it has been resumed, before it reads the trigger's event",
        then="The retry takes the result of the run that is finished.",
        tries=2,
        dies_at="resumed, before it reads the event",
        deferrable=True,
        is_quick=True,
    ),
)
_WIRE = (
    Case(
        key="worker_start_arrives_late",
        section=_WORKER,
        happens="while its start request is under way; Apify starts the run only seconds later",
        then="The retry looks until the settling time is over, finds the run, and goes on with it.",
        tries=2,
        faults=(hold(STARTS),),
        acts=kill_worker(struck),
        has_plain=True,
    ),
    Case(
        key="worker_awaits_answer",
        section=_WORKER,
        happens="when Apify has started the run, before the answer arrives",
        then=_ADOPTS,
        tries=2,
        faults=(hold(STARTS, after_commit=True),),
        acts=kill_worker(struck),
        is_quick=True,
        has_plain=True,
    ),
    Case(
        key="machine_awaits_answer",
        section=_MACHINE,
        happens="when Apify has started the run, before the answer arrives",
        then=f"Airflow misses the heartbeat. {_ADOPTS}",
        tries=2,
        faults=(hold(STARTS, after_commit=True),),
        acts=kill_machine(struck),
        has_plain=True,
    ),
)
_MAPPED = Case(
    key="worker_of_mapped_task",
    section=_WORKER,
    happens="between Apify's answer and storing the id of the run of one of three mapped tasks",
    then=f"{_ADOPTS} The others are not disturbed; each has its own run's result.",
    runs=("SUCCEEDED", "SUCCEEDED", "SUCCEEDED"),
    tries=2,
    shape="mapped",
    dies_at="the answer is there, the id is not stored",
)

CASES = (
    *(case for inside in _INSIDE for case in inside.both_ways()),
    *_DEFERRED,
    *(case for wire in _WIRE for case in wire.both_ways()),
    *_MAPPED.both_ways(),
    Case(
        key="worker_waits",
        section=_WORKER,
        happens="while it waits for the run",
        then=_ATTACHES,
        tries=2,
        run_input=_LONG,
        acts=kill_worker(watched),
        has_plain=True,
    ),
    Case(
        key="worker_of_saved_task",
        section=_WORKER,
        happens="between Apify's answer and storing the id of a saved task's run",
        then=_ADOPTS,
        tries=2,
        shape="task",
        dies_at="the answer is there, the id is not stored",
    ),
    Case(
        key="worker_downloads",
        section=_WORKER,
        happens="during the download of the dataset",
        then="The retry writes the file anew; until then nobody sees any of it.",
        tries=2,
        shape="export",
        faults=(hold(_ITEMS, after_commit=True),),
        acts=kill_worker(struck),
    ),
    Case(
        key="worker_has_written",
        section=_WORKER,
        happens="when the file is there, before Airflow knows that the export has succeeded",
        then="The retry replaces the file by the same file.",
        tries=2,
        shape="export",
        dies_at="before Airflow knows of the success",
    ),
    Case(
        key="machine_waits",
        section=_MACHINE,
        happens="while the worker waits for the run",
        then="Airflow misses the heartbeat; the retry goes on with the run.",
        tries=2,
        run_input=_LONG | {"durationSecs": 60},
        acts=kill_machine(watched),
        has_plain=True,
    ),
    Case(
        key="machine_before_id_stored",
        section=_MACHINE,
        happens="between Apify's answer and storing the run's id",
        then=f"Airflow misses the heartbeat. {_ADOPTS}",
        tries=2,
        dies_at="the answer is there, the id is not stored",
        is_machine=True,
        deferrable=True,
    ),
    Case(
        key="triggerer_is_away_at_the_end",
        section=_TRIGGERER,
        happens="and is away when the run ends",
        then="The next triggerer sees at once that the run has ended.",
        deferrable=True,
        run_input=_LONG,
        acts=kill_triggerer_until_the_end(),
        is_alone=True,
    ),
    Case(
        key="trigger_moves",
        section=_TRIGGERER,
        happens="or rather stops, and another, which runs beside it, takes over",
        then="The other watches on.",
        deferrable=True,
        run_input=_LONG | {"durationSecs": 40},
        acts=move_trigger,
        is_alone=True,
    ),
    Case(
        key="scheduler_dies",
        section="The scheduler dies",
        happens="while the triggerer watches the run",
        then="The task is resumed when there is a scheduler again.",
        deferrable=True,
        run_input=_LONG,
        acts=restart("scheduler"),
        is_alone=True,
    ),
    Case(
        key="scheduler_and_workers_die",
        section="The scheduler dies",
        happens="with all its workers, while one waits for the run",
        then="The next scheduler misses the heartbeat; the retry goes on with the run.",
        tries=2,
        run_input=_LONG | {"durationSecs": 90},
        acts=restart("scheduler"),
        is_alone=True,
        has_plain=True,
    ),
)
