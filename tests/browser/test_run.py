"""The command of ``make browser`` on a machine that has no browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser import run
from tools import server_programs

if TYPE_CHECKING:
    import pytest


def test_without_chromium_and_debians_packages_it_fails_and_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server_programs, "SERVERS", tmp_path / "servers")
    monkeypatch.setattr(server_programs, "_SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run.main() == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.endswith("apt-get install chromium\n")
