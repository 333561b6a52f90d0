"""Exports and pushes by chance, against an Apify that lies: what differs is told.

``python -m tests.silence.run`` plays many.
"""

from __future__ import annotations

from pathlib import Path

from tests.silence.run import PLAYS, play
from tools.versions import ROOT


def test_no_export_by_chance_differs_in_silence(tmp_path: Path) -> None:
    tally = play(PLAYS["exports"], 80, 20_261_129, ROOT, tmp_path)
    assert tally.silent == []
    assert tally.plays == 80
    assert tally.right > 40
    assert len(tally.faults) > 8
    assert all(tally.faults.values())


def test_no_export_of_a_list_by_chance_differs_in_silence(tmp_path: Path) -> None:
    tally = play(PLAYS["lists"], 40, 20_261_129, ROOT, tmp_path)
    assert tally.silent == []
    assert tally.plays == 40
    assert tally.right > 15
    assert len(tally.faults) > 6
    assert all(tally.faults.values())


def test_no_push_by_chance_differs_in_silence(tmp_path: Path) -> None:
    tally = play(PLAYS["pushes"], 80, 20_261_129, ROOT, tmp_path)
    assert tally.silent == []
    assert tally.plays == 80
    assert tally.right > 40
    assert len(tally.faults) > 4
    assert all(tally.faults.values())
