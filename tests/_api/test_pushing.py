from __future__ import annotations

import pytest

from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.filling import Piece
from airflow_provider_apify._api.flows import RetryPolicy
from airflow_provider_apify._api.pushing import Pusher
from airflow_provider_apify.exceptions import ApifyApiError, ApifyConnectionError, ApifyDataError, ApifyNotFoundError
from tests._api.answering import LOST, REFUSED, Fed, failed, ok

PIECE = Piece(2, b'[{"a":1},{"a":2}]')
PUSH, COUNT = "POST /v2/datasets/data1/items", "GET /v2/datasets/data1"
DONE = Response(201, {}, b"{}")
LOOKS = 5


class Pushing:
    """Two items that are pushed behind ten, with hand-made answers.

    :ivar said: what was reported.
    """

    def __init__(self, *, look_first: bool = False) -> None:
        self.said: list[str] = []
        pusher = Pusher("data1", RetryPolicy(), self.said.append, settle=30)
        self.fed = Fed(pusher.push(PIECE, 10, look_first=look_first))

    @property
    def asked(self) -> list[str]:
        """What was asked."""
        return [f"{each.method} {each.path}" for each in self.fed.requests]


def counted(items: int) -> Answer:
    return ok({"id": "data1", "itemCount": items})


def test_a_piece_is_sent_once_and_nothing_is_looked_up() -> None:
    pushing = Pushing()
    assert pushing.fed.request.body == PIECE.body
    pushing.fed.finish(DONE)
    assert (pushing.asked, pushing.said) == ([PUSH], [])


@pytest.mark.parametrize("answer", [failed(429, "rate-limit-exceeded"), REFUSED])
def test_a_piece_that_was_certainly_not_taken_is_sent_again_at_once(answer: Answer) -> None:
    pushing = Pushing()
    pushing.fed.answer(answer)
    pushing.fed.finish(DONE)
    assert pushing.asked == [PUSH, PUSH]


@pytest.mark.parametrize("lost", [LOST, failed(502, "internal-server-error"), failed(500)])
@pytest.mark.parametrize("late", [0, 1, LOOKS - 1])
def test_a_piece_whose_answer_is_lost_is_seen_in_the_count_and_not_repeated(lost: Answer, late: int) -> None:
    pushing = Pushing()
    pushing.fed.answer_all([lost, *[counted(10)] * late])
    pushing.fed.finish(counted(12))
    assert pushing.asked == [PUSH, *[COUNT] * (late + 1)]
    assert "count shows that it was done" in pushing.said[0]


def test_a_piece_that_the_count_does_not_show_for_half_a_minute_is_sent_again() -> None:
    pushing = Pushing()
    pushing.fed.answer_all([LOST, *[counted(10)] * LOOKS])
    pushing.fed.finish(DONE)
    assert pushing.asked == [PUSH, *[COUNT] * LOOKS, PUSH]
    assert sum(request.delay for request in pushing.fed.requests) == 30
    assert "sent once more" in pushing.said[0]


def test_a_count_that_lags_behind_earlier_pieces_is_waited_for() -> None:
    pushing = Pushing()
    pushing.fed.answer_all([LOST, counted(4), counted(10)])
    pushing.fed.finish(counted(12))
    assert pushing.asked.count(PUSH) == 1


@pytest.mark.parametrize("count", [11, 13, 9])
def test_a_count_that_the_piece_does_not_explain_is_an_error(count: int) -> None:
    pushing = Pushing()
    pushing.fed.answer(LOST)
    with pytest.raises(ApifyDataError, match=rf"counts {count} items.* it would be 10, or 12 if the last 2 have"):
        pushing.fed.answer_all([counted(count)] * LOOKS)
    assert pushing.asked.count(PUSH) == 1


def test_answers_that_are_lost_again_and_again_are_an_error() -> None:
    pushing = Pushing()
    lost = [LOST, *[counted(10)] * LOOKS]
    pushing.fed.answer_all([*lost * 3, *lost[:-1]])
    with pytest.raises(ApifyConnectionError, match="reset"):
        pushing.fed.answer(counted(10))
    assert pushing.asked.count(PUSH) == 4


@pytest.mark.parametrize(
    ("answer", "error"),
    [(failed(400, "schema-validation-error"), ApifyApiError), (failed(404, "record-not-found"), ApifyNotFoundError)],
)
def test_a_refusal_is_an_error_and_nothing_is_looked_up(answer: Answer, error: type[Exception]) -> None:
    pushing = Pushing()
    with pytest.raises(error):
        pushing.fed.finish(answer)
    assert pushing.asked == [PUSH]


def test_a_piece_that_an_attempt_before_has_pushed_is_not_sent() -> None:
    pushing = Pushing(look_first=True)
    pushing.fed.answer(counted(10))
    pushing.fed.finish(counted(12))
    assert pushing.asked == [COUNT, COUNT]
    assert "an earlier attempt pushed them" in pushing.said[0]


def test_a_piece_that_no_attempt_before_has_pushed_is_sent_after_a_look() -> None:
    pushing = Pushing(look_first=True)
    pushing.fed.answer_all([counted(10)] * LOOKS)
    pushing.fed.finish(DONE)
    assert pushing.asked == [*[COUNT] * LOOKS, PUSH]
