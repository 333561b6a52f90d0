from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from airflow_provider_apify.__main__ import main
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify

SECRET = "the-secret-of-these-tests"


class Answering(BaseHTTPRequestHandler):
    """Answers as Airflow's receiver does: only who brings the secret is let in."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.headers["X-Webhook-Secret"] == SECRET else 401)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def airflow_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def connected(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
    for conn_id, extra in (("APIFY_DEFAULT", {"webhook_secret": SECRET}), ("OPEN", {})):
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}", json.dumps({**connection, "extra": extra}))


def test_the_webhook_is_kept_and_tried(airflow_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["webhook", "apify/scenario", "--receiver", airflow_url]
    assert [main(command), main([*command, "--events", "SUCCEEDED,FAILED"])] == [0, 0]
    said = capsys.readouterr().out
    (webhook,) = ApifyHook().iterate_webhooks("apify/scenario")
    assert webhook.request_url == f"{airflow_url}/apify/webhook"
    assert set(webhook.event_types) == {"ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.FAILED"}
    assert "Apify gets 200 from it." in said
    assert SECRET not in said


def test_a_receiver_that_refuses_is_a_problem(
    airflow_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.SECRET", "another secret, which the server has by now")
    assert main(["webhook", "apify/scenario", "--receiver", airflow_url]) == 1
    said = capsys.readouterr().out
    assert "Apify gets 401 from it" in said
    assert "no run starts a DAG" in said


def test_a_receiver_that_is_away_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhook", "apify/scenario", "--receiver", "http://127.0.0.1:9"]) == 1
    assert "Apify does not reach it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--conn-id", "open"], "has no webhook_secret"),
        (["--events", "DONE"], "event_types are some of"),
        (["--receiver", "airflow.example.com"], "https://airflow.example.com"),
    ],
    ids=["no secret", "no such event", "no address"],
)
def test_what_cannot_work_is_told_and_nothing_is_made(
    more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["webhook", "apify/scenario", "--receiver", "https://airflow.example.com", *more]
    assert main(command) == 1
    assert words in capsys.readouterr().err
    assert not list(ApifyHook().iterate_webhooks("apify/scenario"))
