from __future__ import annotations

import pytest

from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.storages.counts import count_pushed
from airflow_provider_apify._api.storages.items import Piece, Pusher
from airflow_provider_apify.exceptions import ApifyApiError, ApifyConnectionError, ApifyDataError, ApifyNotFoundError
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import LOST, REFUSED, Fed, failed, ok

PIECE = Piece(2, b'[{"a":1},{"a":2}]')
PUSH, COUNT = "POST /v2/datasets/data1/items", "GET /v2/datasets/data1"
DONE = Response(201, {}, b"{}")
LOOKS = 5
STRANGE = {
    "a page": Response(200, {}, b"<html>Sign in</html>"),
    "nothing": Response(200, {}, b""),
    "another status": Response(200, {}, b"{}"),
    "accepted": Response(202, {}, b"{}"),
    "a page that was created": Response(201, {}, b"<html>"),
    "created without a body": Response(201, {}, b""),
    "no object": Response(201, {}, b"[]"),
}
strange = pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)


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


@strange
def test_a_good_answer_that_apify_does_not_give_is_a_lost_one_and_the_count_decides(answer: Answer) -> None:
    pushing = Pushing()
    pushing.fed.answer_all([answer, *[counted(10)] * LOOKS])
    pushing.fed.finish(DONE)
    assert pushing.asked == [PUSH, *[COUNT] * LOOKS, PUSH]
    assert "is not what Apify answers (HTTP 201); check the connection's host" in pushing.said[0]

    pushing = Pushing()
    pushing.fed.answer(answer)
    pushing.fed.finish(counted(12))
    assert pushing.asked == [PUSH, COUNT]


def test_what_is_pushed_is_counted_as_soon_as_the_count_shows_it() -> None:
    counting = Fed(count_pushed(12, "data1", RetryPolicy(), settle=30))
    assert counting.request.delay == 0
    counting.answer(counted(10))
    assert counting.finish(counted(13)) == 13


def test_a_count_that_stays_short_of_what_is_pushed_is_an_error() -> None:
    counting = Fed(count_pushed(12, "data1", RetryPolicy(), settle=30))
    counting.answer_all([counted(10)] * LOOKS)
    with pytest.raises(ApifyDataError, match="counts 11 items, but 12 are pushed"):
        counting.answer(counted(11))
    assert sum(request.delay for request in counting.requests) == 30


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
