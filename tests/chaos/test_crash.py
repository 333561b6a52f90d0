from __future__ import annotations

from importlib import import_module

import pytest

from tests.chaos.crash import POINTS, Point

OURS = {words: point for words, point in POINTS.items() if point.module.startswith("airflow_provider_apify")}


@pytest.mark.parametrize("point", OURS.values(), ids=OURS)
def test_the_points_where_workers_die_are_in_the_code(point: Point) -> None:
    assert callable(getattr(getattr(import_module(point.module), point.owner), point.method))
