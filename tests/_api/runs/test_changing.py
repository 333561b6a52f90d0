from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify._api.runs.changing import Changer, delete_run
from airflow_provider_apify.exceptions import (
    ApifyApiError,
    ApifyAuthError,
    ApifyCapacityError,
    ApifyConnectionError,
    ApifyNotFoundError,
    ApifyRunError,
    ApifyServerError,
)
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target
from tests._api.answering import LOST, REFUSED, Fed, failed, ok, run_data

OTHER = Target("actor", "me/other")
COUNTERS = {"resurrect": "resurrectCount", "reboot": "rebootCount", "metamorph": "metamorph"}
KEYS = {"resurrect": "resurrections", "reboot": "reboots", "metamorph": "metamorphs"}
GONE = failed(404, "record-not-found")
GARBAGE = ok([])
changes = pytest.mark.parametrize("change", COUNTERS)


class Changed:
    """A change that is asked for with hand-made answers.

    :ivar said: what it reported.
    """

    def __init__(
        self,
        change: str,
        history: dict[str, int] | None = None,
        retry: RetryPolicy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.change = change
        self.said: list[str] = []
        changer = Changer(retry or RetryPolicy(), self.said.append, settle=30, clock=clock)
        flows: dict[str, Flow[ActorRun]] = {
            "resurrect": changer.resurrect("run1", RunOptions(), history),
            "reboot": changer.reboot("run1", history),
            "metamorph": changer.metamorph("run1", OTHER, b"{}", history=history),
        }
        self.fed = Fed(flows[change])

    def run(self, times: int = 0, status: str | None = None) -> Answer:
        """Return a run to which the change happened so often; finished where it has to be for the first."""
        usual = "FAILED" if self.change == "resurrect" else "RUNNING"
        return ok(run_data(status or usual, stats={COUNTERS[self.change]: times}))

    @property
    def asked(self) -> list[str]:
        """What was asked, without the common path."""
        return [f"{each.method} {each.path.removeprefix('/v2/actor-runs/run1')}".strip() for each in self.fed.requests]


@changes
def test_a_change_is_asked_for_once(change: str) -> None:
    asking = Changed(change)
    asking.fed.answer(asking.run())
    assert asking.fed.finish(asking.run(1, "RUNNING")).status == "RUNNING"
    assert asking.asked == ["GET", f"POST /{change}"]
    assert asking.said == []


@changes
@pytest.mark.parametrize("lost", [LOST, failed(502, "internal-server-error"), GARBAGE])
def test_a_change_whose_answer_is_lost_is_seen_at_the_run_and_not_repeated(change: str, lost: Answer) -> None:
    asking = Changed(change)
    asking.fed.answer_all([asking.run(), lost, asking.run(0)])
    run = asking.fed.finish(asking.run(1))
    assert run.history[KEYS[change]] == 1
    assert asking.asked == ["GET", f"POST /{change}", "GET", "GET"]
    assert f"{KEYS[change]}: 1" in asking.said[-1]


@changes
def test_a_change_that_does_not_show_for_half_a_minute_is_asked_for_again(change: str) -> None:
    asking = Changed(change)
    asking.fed.answer_all([asking.run(), LOST, *[asking.run()] * 5])
    asking.fed.finish(asking.run(1, "RUNNING"))
    assert asking.asked == ["GET", f"POST /{change}", *["GET"] * 5, f"POST /{change}"]
    assert sum(request.delay for request in asking.fed.requests) == 30
    assert "sent once more" in asking.said[0]


@changes
def test_a_change_that_is_lost_again_and_again_is_an_error(change: str) -> None:
    asking = Changed(change)
    lost = [LOST, *[asking.run()] * 5]
    asking.fed.answer_all([asking.run(), *lost * 3, *lost[:-1]])
    with pytest.raises(ApifyConnectionError, match="reset"):
        asking.fed.answer(asking.run())
    assert asking.asked.count(f"POST /{change}") == 4


@changes
def test_a_change_that_came_late_makes_apify_refuse_its_repetition_which_is_no_error(change: str) -> None:
    asking = Changed(change)
    asking.fed.answer_all([asking.run(), LOST, *[asking.run()] * 5, failed(400, "operation-not-allowed")])
    assert asking.fed.finish(asking.run(1)).history[KEYS[change]] == 1


@changes
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failed(400, "job-finished"), ApifyApiError),
        (failed(403, "insufficient-permissions"), ApifyAuthError),
        (failed(402, "actor-memory-limit-exceeded"), ApifyCapacityError),
    ],
)
def test_a_change_that_is_refused_is_an_error(change: str, answer: Answer, error: type[Exception]) -> None:
    asking = Changed(change)
    asking.fed.answer_all([asking.run(), answer])
    with pytest.raises(error):
        asking.fed.answer(asking.run())


@changes
@pytest.mark.parametrize("answer", [REFUSED, failed(429, "rate-limit-exceeded")])
def test_a_change_that_certainly_was_not_made_is_asked_for_again_without_looking(change: str, answer: Answer) -> None:
    asking = Changed(change)
    asking.fed.answer_all([asking.run(), answer])
    asking.fed.finish(asking.run(1))
    assert asking.asked == ["GET", f"POST /{change}", f"POST /{change}"]


@changes
def test_a_change_that_an_earlier_attempt_made_is_not_made_again(change: str) -> None:
    asking = Changed(change, history={**run_history(), KEYS[change]: 2})
    assert asking.fed.finish(asking.run(3)).history[KEYS[change]] == 3
    assert asking.asked == ["GET"]
    assert "earlier attempt" in asking.said[0]


@changes
def test_a_change_that_an_earlier_attempt_did_not_make_is_made(change: str) -> None:
    asking = Changed(change, history=run_history())
    asking.fed.answer(asking.run())
    asking.fed.finish(asking.run(1))
    assert asking.asked == ["GET", f"POST /{change}"]


@changes
def test_a_run_that_does_not_exist_is_not_asked_to_change(change: str) -> None:
    asking = Changed(change)
    asking.fed.answer_all([GONE, GONE])
    with pytest.raises(ApifyNotFoundError):
        asking.fed.answer(GONE)
    assert asking.asked == ["GET"] * 3


@changes
def test_a_run_too_young_for_some_replicas_is_changed_all_the_same(change: str) -> None:
    asking = Changed(change)
    asking.fed.answer_all([GONE, GONE, asking.run(), GONE, LOST, GONE])
    assert asking.fed.finish(asking.run(1)).history[KEYS[change]] == 1
    assert asking.asked == [*["GET"] * 3, *[f"POST /{change}"] * 2, *["GET"] * 2]


@changes
def test_a_replica_that_lags_behind_an_earlier_look_shows_no_change(change: str) -> None:
    asking = Changed(change, history={**run_history(), KEYS[change]: 2})
    asking.fed.answer(asking.run(1))
    asking.fed.finish(asking.run(3))
    assert asking.asked == ["GET", f"POST /{change}"]


def run_history() -> dict[str, int]:
    return ActorRun.from_api(run_data()).history


def test_a_run_that_goes_on_is_not_resurrected_and_that_is_no_error() -> None:
    asking = Changed("resurrect")
    asking.fed.answer_all([asking.run(0, "RUNNING"), failed(400, "operation-not-allowed")])
    assert asking.fed.finish(asking.run(0, "RUNNING")).is_going
    assert "Nothing more is needed" in asking.said[0]


def test_a_run_that_is_being_stopped_is_resurrected_when_it_has_ended() -> None:
    asking = Changed("resurrect")
    asking.fed.answer_all([asking.run(0, "ABORTING"), *[asking.run(0, "ABORTED")] * 2])
    asking.fed.finish(asking.run(1, "RUNNING"))
    assert asking.asked == ["GET", "GET", "GET", "POST /resurrect"]


def test_a_run_that_does_not_end_is_resurrected_by_a_retry() -> None:
    now = 0.0
    asking = Changed("resurrect", clock=lambda: now)
    asking.fed.answer(asking.run(0, "ABORTING"))
    now = 301.0
    with pytest.raises(ApifyRunError, match="run1 is still ABORTING after 300 seconds") as raised:
        asking.fed.answer(asking.run(0, "ABORTING"))
    assert raised.value.retryable


def transformed(*actor_ids: str) -> Answer:
    return ok(run_data(metamorphs=[{"actorId": actor_id} for actor_id in actor_ids]))


ACTOR = ok({"id": "other-id"})
"""What the wanted Actor is, whom the order calls by its name."""


def test_a_metamorph_of_somebody_else_is_not_taken_for_the_one_that_is_asked_for() -> None:
    asking = Changed("metamorph", history=run_history())
    asking.fed.answer_all([transformed("theirs"), ACTOR, LOST, transformed("theirs"), ACTOR])
    run = asking.fed.answer(transformed("theirs", "other-id"))
    assert run.path == "/v2/actors/me~other"
    assert asking.fed.finish(ACTOR).history["metamorphs"] == 2
    assert asking.asked.count("POST /metamorph") == 1


def test_a_metamorph_that_the_actor_itself_followed_with_another_is_not_made_again() -> None:
    asking = Changed("metamorph", history=run_history())
    asking.fed.answer(transformed("other-id", "its choice"))
    asking.fed.finish(ACTOR)
    assert "POST /metamorph" not in asking.asked


def test_a_metamorph_of_before_is_not_the_one_that_is_asked_for() -> None:
    asking = Changed("metamorph", history={**run_history(), "metamorphs": 1})
    asking.fed.answer(transformed("other-id"))
    asking.fed.finish(transformed("other-id", "other-id"))
    assert asking.asked == ["GET", "POST /metamorph"]


def test_an_actor_called_by_its_id_needs_no_look_up() -> None:
    flow = Changer(RetryPolicy(), print).metamorph("run1", Target("actor", "id1"), None, history=run_history())
    assert Fed(flow).finish(transformed("id1")).history["metamorphs"] == 1


def test_a_lost_request_is_looked_for_through_a_long_outage() -> None:
    """The looks are patient, because what they find decides about work that would be lost."""
    asking = Changed("reboot", retry=RetryPolicy(attempts=2))
    asking.fed.answer_all([asking.run(), LOST, *[failed(503)] * 30])
    assert asking.fed.finish(asking.run(1)).history["reboots"] == 1


@pytest.mark.parametrize(
    ("run", "count"),
    [
        ({}, 0),
        ({"stats": {"metamorph": 2}, "metamorphs": None}, 2),
        ({"stats": {"metamorph": 0}, "metamorphs": [{"actorId": "a"}]}, 1),
    ],
)
def test_metamorphs_are_counted_wherever_apify_notes_them(run: dict[str, Any], count: int) -> None:
    assert ActorRun.from_api(run_data(**run)).history["metamorphs"] == count


# Deletion


def deletion() -> Fed:
    return Fed(delete_run("run1", RetryPolicy()))


DONE = Response(204, {}, b"")
THERE = ok(run_data("SUCCEEDED"))


def test_a_deleted_run_is_returned_as_it_was() -> None:
    deleting = deletion()
    assert deleting.answer(THERE).method == "DELETE"
    assert deleting.finish(DONE).status == "SUCCEEDED"


def test_a_deletion_whose_answer_is_lost_is_repeated_until_the_run_is_gone() -> None:
    deleting = deletion()
    deleting.answer_all([THERE, LOST, *[GONE] * 5])
    assert deleting.finish(GONE).id == "run1"
    assert [request.method for request in deleting.requests] == ["GET", *["DELETE"] * 4, *["GET"] * 3]


def test_a_run_that_is_not_there_cannot_be_deleted() -> None:
    deleting = deletion()
    deleting.answer_all([GONE, GONE])
    with pytest.raises(ApifyNotFoundError):
        deleting.answer(GONE)


def test_a_run_too_young_for_some_replicas_is_not_taken_for_deleted() -> None:
    deleting = deletion()
    deleting.answer_all([GONE, THERE, GONE, GONE])
    assert deleting.request.method == "DELETE"
    assert deleting.finish(DONE).id == "run1"


NOT_OF_A_RUN = failed(404, "page-not-found")


@pytest.mark.parametrize("answers", [[NOT_OF_A_RUN] * 3, [*[GONE] * 3, *[NOT_OF_A_RUN] * 3]])
def test_a_404_that_is_not_about_a_run_deletes_nothing(answers: list[Answer]) -> None:
    deleting = deletion()
    deleting.answer_all([THERE, *answers[:-1]])
    with pytest.raises(ApifyNotFoundError) as raised:
        deleting.answer(answers[-1])
    assert not raised.value.is_certain


def test_a_run_of_somebody_else_is_not_taken_for_deleted() -> None:
    deleting = deletion()
    deleting.answer_all([THERE, GONE, GONE, GONE, GONE])
    with pytest.raises(ApifyAuthError, match="can be read, but not deleted with this token"):
        deleting.answer(THERE)


def test_a_run_that_goes_on_is_not_deleted() -> None:
    deleting = deletion()
    deleting.answer(ok(run_data()))
    with pytest.raises(ApifyApiError, match="cannot-remove-running-run"):
        deleting.answer(failed(400, "cannot-remove-running-run"))


def test_an_outage_during_a_deletion_is_an_error_after_some_tries() -> None:
    deleting = Fed(delete_run("run1", RetryPolicy(attempts=2)))
    deleting.answer_all([THERE, failed(503)])
    with pytest.raises(ApifyServerError):
        deleting.answer(failed(503))
