from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import matrix
from tools.versions import AIRFLOW_VERSIONS, PREVIEW


def exit_code(monkeypatch: pytest.MonkeyPatch, folder: Path, failing: str, *arguments: str) -> int:
    monkeypatch.setattr(matrix, "ROOT", folder)
    monkeypatch.setattr(matrix, "run_on", lambda version, _: "FAILED" if version.series == failing else "passed")
    monkeypatch.setattr(sys, "argv", ["matrix", *arguments])
    return matrix.main()


@pytest.mark.parametrize(
    ("failing", "arguments", "code"),
    [
        ("none", [], 0),
        (AIRFLOW_VERSIONS[0].series, [], 1),
        (PREVIEW.series, [], 0),
        (PREVIEW.series, [PREVIEW.series], 1),
        (PREVIEW.series, [AIRFLOW_VERSIONS[-1].series], 0),
    ],
)
def test_an_airflow_to_come_fails_the_matrix_only_where_it_is_asked_for(
    failing: str, arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exit_code(monkeypatch, tmp_path, failing, *arguments) == code
