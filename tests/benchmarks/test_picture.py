"""The picture of a comparison says what its table says."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.picture import Bar, draw

_SVG = "{http://www.w3.org/2000/svg}"
BARS = [
    Bar("near & dear", "`curl`", 1.0),
    Bar("near & dear", "ours, <checked>", 1.5),
    Bar("far", "`curl`", 1.0),
    Bar("far", "ours", 0.125),
    Bar("far", "theirs", 53.0),
]


@pytest.fixture
def picture() -> ET.Element:
    return ET.fromstring(draw("How long & how far", BARS, "ours"))  # noqa: S314 - what was drawn just now


def test_every_group_label_and_ratio_is_in_it(picture: ET.Element) -> None:
    texts = [each.text for each in picture.iter(f"{_SVG}text")]
    assert {"How long & how far", "near & dear", "far", "curl", "ours, <checked>", "ours", "theirs"} <= set(texts)
    assert [text for text in texts if text in {"1.5", "0.12", "53"}] == ["1.5", "0.12", "53"]


def test_only_the_bars_of_the_provider_stand_out(picture: ET.Element) -> None:
    assert [each.get("class") for each in picture.iter(f"{_SVG}rect")] == [None, "ours", None, "ours", None]


def test_what_is_faster_goes_to_the_left_of_the_line_at_one_and_what_is_slower_to_the_right(
    picture: ET.Element,
) -> None:
    one = next(float(each.get("x1", "")) for each in picture.iter(f"{_SVG}line") if each.get("class") == "one")
    edges = [(float(bar.get("x", "")), float(bar.get("width", ""))) for bar in picture.iter(f"{_SVG}rect")]
    starts, ends = zip(*[(start, start + width) for start, width in edges], strict=True)
    assert [start == one for start in starts] == [True, True, True, False, True]
    assert ends[3] == pytest.approx(one)
    assert ends[1] < ends[4]


def test_all_of_it_lies_within_its_frame(picture: ET.Element) -> None:
    width, height = (float(each) for each in picture.get("viewBox", "").split()[2:])
    for bar in picture.iter(f"{_SVG}rect"):
        assert float(bar.get("x", "")) >= 0
        assert float(bar.get("x", "")) + float(bar.get("width", "")) <= width
        assert float(bar.get("y", "")) + float(bar.get("height", "")) <= height
