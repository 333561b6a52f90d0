"""The comparison of downloads compares what it says, and only files that hold the items."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.child import Child
from tests.benchmarks.downloads import ITEM_BYTES, NAMES, measure
from tests.benchmarks.nginx import file_server


def test_every_way_is_measured_over_every_link_it_is_for(tmp_path: Path) -> None:
    section = measure(tmp_path, 3_000, 2_000, [1_500], rounds=1)
    measured = [row[0] for row in section.rows]
    everywhere = ("near, 3,000 items", "1 Gbit/s, 3,000 items", "far, 2,000 items", "near, 1,500 items")
    assert {f"{link}: {NAMES[way]}" for link in everywhere for way in ("curl", "engine")} <= set(measured)
    assert {name for row in measured for name in NAMES.values() if row.endswith(name)} == set(NAMES.values())
    assert [f"{bar.group}: {bar.label}" for bar in section.bars] == measured


@pytest.mark.parametrize("way", ["curl", "engine", "engine_json"])
def test_a_way_that_writes_something_else_than_is_served_has_no_figure(tmp_path: Path, way: str) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(b"{}\n")
    with file_server(tmp_path / "nginx", 2_000, ITEM_BYTES) as (server, _):
        step = {"server": list(server), "path": str(tmp_path / "download"), "lines": str(other), "way": way}
        child = Child(tmp_path, "downloads", "tests.benchmarks.downloads_child", [step], core=None)
        with pytest.raises(RuntimeError, match=f"{way} has written other items than were served"):
            child.result(120)
