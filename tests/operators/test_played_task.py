"""What the double promises: a dead process does nothing more, and what it has sent may arrive nevertheless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_apify import LocalApify
from tests.operators.obedient import obedient
from tests.operators.played_task import Died, Fate, PlayedTask, Stopped, Terminated

if TYPE_CHECKING:
    import pytest

ITS_START_IS_SENT = 2


def stopped_while_its_start_is_under_way(monkeypatch: pytest.MonkeyPatch, stop: Stopped) -> PlayedTask:
    task = PlayedTask(has_store=True, actor_id=obedient.name, log_lines=0)
    task.use(monkeypatch)
    task.attempt(Fate(ITS_START_IS_SENT, lambda: task.kill_and_stop(stop, "failed")))
    return task


def test_the_dead_look_for_nothing_and_abort_nothing(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = stopped_while_its_start_is_under_way(monkeypatch, Died(looks=3))

    assert task.let_stragglers_arrive() == 1
    assert [run.status for run in obedient_apify.control.ledger().runs] == ["RUNNING"]


def test_who_is_terminated_may_tidy_up(obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = stopped_while_its_start_is_under_way(monkeypatch, Terminated(looks=3))

    assert task.let_stragglers_arrive() == 0
    assert [run.status for run in obedient_apify.control.ledger().runs] == ["ABORTED"]
