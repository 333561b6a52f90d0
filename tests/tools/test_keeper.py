from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tools import keeper


def test_the_keeper_of_the_demo_hears_of_the_folder_with_own_dags(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    class Started(Exception):
        pass

    def start(*_command: Any, env: dict[str, str], **_options: Any) -> None:
        raise Started(env)

    monkeypatch.setattr(keeper, "is_locked", lambda: False)
    for name in ("DEMO_FOLDER", "STATE", "LOG"):
        monkeypatch.setattr(keeper, name, tmp_path / name)
    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setenv("DAGS", "/my/dags")
    with pytest.raises(Started) as started:
        keeper.up()
    assert started.value.args[0]["DAGS"] == "/my/dags"
