from __future__ import annotations

from airflow_provider_apify._api.answers import Response
from airflow_provider_apify._api.runs.log import LineTaker, follow_log
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import LOST, Fed, failed, ok, run_data

TEXT = {"content-type": "text/plain"}
WHOLE = Response(200, TEXT, b"")


def lines(*bodies: list[bytes]) -> list[str]:
    """Return what is handed on when the log comes several times."""
    shown: list[str] = []
    sink = LineTaker(shown.append)
    for body in bodies:
        sink.take(TEXT, iter(body))
    sink.finish()
    return shown


def test_lines_are_handed_on_whole_wherever_the_pieces_end() -> None:
    assert lines([b"fir", b"st\nsec", b"ond\n", b"\nth", b"ird"]) == ["first", "second", "", "third"]


def test_what_comes_again_is_passed_over() -> None:
    assert lines([b"a\nb\nc"], [b"a\n"], [b"a\nb\ncd\ne\n"]) == ["a", "b", "cd", "e"]


def test_characters_cut_by_the_end_of_a_piece_stay_whole() -> None:
    fox = "🦊".encode()
    assert lines([fox[:2], fox[2:] + b"\n\xff\n"]) == ["🦊", "�"]


def test_a_log_is_followed_until_the_run_is_finished_and_read_to_its_end() -> None:
    sink = LineTaker(lambda _line: None)
    flow = Fed(follow_log("run1", RetryPolicy(), sink))
    assert flow.answer(ok(run_data())).params["stream"] == "true"
    sink.take(TEXT, iter([b"a\n"]))
    assert flow.answer(LOST).path == "/v2/actor-runs/run1"
    assert flow.request.delay == 0
    flow.answer(ok(run_data()))
    assert flow.answer(failed(503)).delay > 0, "a run that logs nothing is not hammered"
    assert flow.answer(ok(run_data("SUCCEEDED"))).params["stream"] == "true"
    assert flow.finish(WHOLE).status == "SUCCEEDED"
