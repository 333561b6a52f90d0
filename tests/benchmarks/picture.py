"""Bars of ratios as an SVG image that can be read on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

_WIDTH, _LEFT, _RIGHT = 900, 440, 60
_ROW, _HEAD, _TOP = 26, 34, 44
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .quiet { fill: #59636e }
line { stroke: #d1d9e0 } .one { stroke: #59636e }
rect { fill: #afb8c1 } .ours { fill: #1f883d }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .quiet { fill: #9198a1 }
  line { stroke: #3d444d } .one { stroke: #9198a1 }
  rect { fill: #656c76 } .ours { fill: #3fb950 }
}"""


class Bar(NamedTuple):
    """One bar.

    :ivar group: those of the same stand together.
    :ivar ratio: above 0; 1 is what all are compared with.
    """

    group: str
    label: str
    ratio: float


def draw(title: str, bars: Sequence[Bar], ours: str) -> str:
    """Return the image: each bar begins at 1, to the left of it is faster, and each line stands for a power of 10.

    :param ours: bars whose label has these words are the provider's own.
    """
    low = math.floor(min(0.0, *(math.log10(bar.ratio) for bar in bars)))
    high = math.ceil(max(1.0, *(math.log10(bar.ratio) for bar in bars)))

    def place(ratio: float) -> float:
        return _LEFT + (math.log10(ratio) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    shapes: list[str] = []
    y = _TOP
    for group, members in groupby(bars, key=lambda bar: bar.group):
        shapes.append(f'<text class="title" x="10" y="{y + 22}">{escape(group)}</text>')
        y += _HEAD
        for bar in members:
            shapes += _row(bar, place, y, is_ours=ours in bar.label)
            y += _ROW
    lines = [_line(10.0**power, place, y) for power in range(low, high + 1)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 12}" role="img">'
    words = f'<title>{escape(title)}</title><text class="title" x="10" y="22">{escape(title)}</text>'
    return "\n".join([head, f"<style>\n{_STYLE}\n</style>", words, *lines, *shapes, "</svg>\n"])


def _row(bar: Bar, place: Callable[[float], float], y: int, *, is_ours: bool) -> list[str]:
    start, end = sorted((place(1.0), place(bar.ratio)))
    kind = ' class="ours"' if is_ours else ""
    return [
        f'<text x="{_LEFT - 14}" y="{y + 16}" text-anchor="end">{escape(bar.label.replace("`", ""))}</text>',
        f'<rect{kind} x="{start:.1f}" y="{y + 4}" width="{max(2.0, end - start):.1f}" height="{_ROW - 10}"/>',
        f'<text x="{end + 6:.1f}" y="{y + 16}">{bar.ratio:.2g}</text>',
    ]


def _line(ratio: float, place: Callable[[float], float], bottom: int) -> str:
    kind = ' class="one"' if ratio == 1 else ""
    x = place(ratio)
    return (
        f'<line{kind} x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>'
        f'<text class="quiet" x="{x:.1f}" y="{_TOP - 6}" text-anchor="middle">{ratio:g}</text>'
    )
