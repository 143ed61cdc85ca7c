"""Score against cost as an SVG: a point a run, and the line of those that no other run beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 860, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 250, 46, 62
_FREE_WIDTH = 90
"""Where something costs nothing: a column of its own, left of the logarithmic scale."""
_LABEL_HEIGHT = 16
_LABEL_RISE = -6
"""A label stands above its point's height, clear of the line through it."""
_HALO = ' paint-order="stroke" stroke="#ffffff" stroke-width="4" stroke-linejoin="round"'


@dataclass(frozen=True, slots=True)
class Point:
    """A run: USD a task, its score and the score's interval as shares."""

    name: str
    cost_usd: float
    score: float
    low: float
    high: float


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other equals or beats in both cost and score, the cheapest first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda one: (one.cost_usd, -one.score)):
        if not front or point.score > front[-1].score:
            front.append(point)
    return front


class _Scale:
    """Where costs and scores lie on the page, in pixels."""

    def __init__(self, points: Sequence[Point]) -> None:
        costs = [point.cost_usd for point in points if point.cost_usd > 0]
        self.has_free = len(costs) < len(points)
        self.first = floor(log10(min(costs, default=0.01)))
        self.last = max(self.first + 1, ceil(log10(max(costs, default=0.1))))
        self.left = _LEFT + (_FREE_WIDTH if self.has_free else 0)
        self.right = WIDTH - _RIGHT
        self.bottom = HEIGHT - _BOTTOM
        highest = max((point.high for point in points), default=1.0)
        self.top_score = min(1.0, ceil(highest * 10) / 10)

    def x(self, cost_usd: float) -> float:
        if cost_usd <= 0:
            return _LEFT + _FREE_WIDTH / 2
        share = (log10(cost_usd) - self.first) / (self.last - self.first)
        return self.left + share * (self.right - self.left)

    def y(self, score: float) -> float:
        return self.bottom - score / self.top_score * (self.bottom - _TOP)


def pareto_svg(points: Sequence[Point], *, title: str) -> str:
    """The picture; without points it has its axes only."""
    scale = _Scale(points)
    size, font = f'width="{WIDTH}" height="{HEIGHT}"', 'font-family="sans-serif"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {HEIGHT}" {font}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 26, title, size=15, weight="bold"),
        *_axes(scale),
        *_front(pareto_front(points), scale),
        *_points(points, scale),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axes(scale: _Scale) -> list[str]:
    parts = []
    for step in range(round(scale.top_score * 10) + 1):
        y = scale.y(step / 10)
        parts.append(_line(_LEFT, y, scale.right, y, "#e4e4e4" if step else "#555555"))
        parts.append(_text(_LEFT - 8, y + 4, f"{step * 10} %", anchor="end"))
    for power in range(scale.first, scale.last + 1):
        x = scale.x(10.0**power)
        parts.append(_line(x, _TOP, x, scale.bottom, "#e4e4e4"))
        decimals = max(0, -power)
        parts.append(_text(x, scale.bottom + 18, f"${10.0**power:,.{decimals}f}", anchor="middle"))
    if scale.has_free:
        parts.append(_text(scale.x(0), scale.bottom + 18, "$0", anchor="middle"))
    middle = (_LEFT + scale.right) / 2
    parts.append(_text(middle, HEIGHT - 16, "cost a task, USD (logarithmic)", anchor="middle"))
    y = (scale.bottom + _TOP) / 2
    turned = f' transform="rotate(-90 18 {y:.1f})"'
    parts.append(_text(18, y, "macro score (ARC Prize)", anchor="middle", more=turned))
    return parts


def _front(front: Sequence[Point], scale: _Scale) -> list[str]:
    """A step line: what can be had for so much money."""
    if not front:
        return []
    path = f"M{scale.x(front[0].cost_usd):.1f} {scale.y(front[0].score):.1f}"
    for point in front[1:]:
        path += f" H{scale.x(point.cost_usd):.1f} V{scale.y(point.score):.1f}"
    path += f" H{scale.right:.1f}"
    return [
        f'<path d="{path}" fill="none" stroke="#2f6db5" stroke-width="1.5" stroke-dasharray="5 4"/>'
    ]


def _points(points: Sequence[Point], scale: _Scale) -> list[str]:
    """Each point with its interval, and its name in a place that is free."""
    best = set(pareto_front(points))
    places = [(scale.x(point.cost_usd), scale.y(point.score)) for point in points]
    taken = [(y + 4, x - 6, x + 6) for x, y in places]
    names, marks = [], []
    for point in sorted(points, key=lambda one: -one.score):
        x, y = scale.x(point.cost_usd), scale.y(point.score)
        colour = "#2f6db5" if point in best else "#8a8a8a"
        marks.append(_line(x, scale.y(point.low), x, scale.y(point.high), colour, width=1.5))
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        width = 6.4 * len(point.name)
        start = max(0.0, min(x + 9, WIDTH - 6 - width))
        label_y = _free_height(y + _LABEL_RISE, start, start + width, taken)
        taken.append((label_y, start, start + width))
        if abs(label_y - y - _LABEL_RISE) > 1:
            marks.append(_line(x, y, start - 2, label_y - 4, "#bbbbbb"))
        names.append(_text(start, label_y, point.name, more=_HALO))
    return [*names, *marks]


def _free_height(
    y: float, start: float, end: float, taken: Sequence[tuple[float, float, float]]
) -> float:
    """The first height from `y` downwards at which a label overlaps none of those taken."""
    while blocking := [
        height
        for height, first, last in taken
        if start < last and first < end and abs(height - y) < _LABEL_HEIGHT
    ]:
        y = max(blocking) + _LABEL_HEIGHT
    return y


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="{width}"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: str = "normal",
    more: str = "",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="#222222"{more}>{escape(text)}</text>'
    )
