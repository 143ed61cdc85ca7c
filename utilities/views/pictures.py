"""Pictures of tasks: PNG in ARC's colours. Pillow is imported when the first one is drawn."""

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from utilities.files.hashing import hash_of
from utilities.models.content import ImagePart
from utilities.tasks.task import Grid, Task

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Layout = Literal["pairs", "sheet"]
LAYOUTS: tuple[Layout, ...] = ("pairs", "sheet")
DRAWING_VERSION = 1
"""Raise it if the same task comes out as another picture: it is part of every request's key."""
ARC_COLOURS = (
    *((0, 0, 0), (0, 116, 217), (255, 65, 54), (46, 204, 64), (255, 220, 0)),
    *((170, 170, 170), (240, 18, 190), (255, 133, 27), (127, 219, 255), (135, 12, 37)),
)
"""Red, green and blue of each number, as in ARC's own viewer."""
LONGEST_SIDE_PX = 2000
"""A picture that would be larger has smaller cells. Claude refuses more if there are over 20
pictures, and OpenAI and Claude make larger ones smaller."""
_PAPER, _LINE, _INK = (255, 255, 255), (85, 85, 85), (0, 0, 0)
_MARGIN_PX = 12
_TITLE_PX = 22
_ARROW_PX = 40
_PICTURES_KEPT = 64

_Box = tuple[str, Grid, Grid | None]
"""A title, an input, and its output if that is shown."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """How tasks are drawn."""

    layout: Layout
    """A picture for each pair and test input, or one for all."""
    cell_px: int = 16
    digits: bool = False
    """Whether each cell also has its number."""
    only: bool = False
    """Whether pictures stand in place of the grids' text."""

    def identity(self) -> dict[str, Any]:
        """What a sample depends on."""
        return {"images": {**asdict(self), "drawing": DRAWING_VERSION}}

    @property
    def note(self) -> str:
        """What a model must know of the pictures."""
        what = (
            "There is a picture of each train pair and of each test input"
            if self.layout == "pairs"
            else "There is one picture of all train pairs and test inputs"
        )
        only = " The grids stand in the pictures only." if self.only else ""
        return (
            f"{what}: an input on the left, its output on the right of the arrow, and each cell a "
            f"square in its colour{', with its number in it' if self.digits else ''}.{only}"
        )


def pictures_of(task: Task, how: Pictures) -> list[ImagePart]:
    """The pictures of a task in the order of its pairs; of `sheet` there is one.

    No test output is in them.
    """
    boxes = [
        *((f"Train pair {n}", pair.input, pair.output) for n, pair in enumerate(task.train, 1)),
        *((f"Test input {n}", pair.input, None) for n, pair in enumerate(task.test, 1)),
    ]
    groups = [boxes] if how.layout == "sheet" else [[box] for box in boxes]
    return [_picture(group, how) for group in groups]


def _picture(boxes: Sequence[_Box], how: Pictures) -> ImagePart:
    cell_px = how.cell_px
    size, _ = laid_out(boxes, cell_px)
    while max(size) > LONGEST_SIDE_PX and cell_px > 1:
        cell_px -= 1
        size, _ = laid_out(boxes, cell_px)
    shown = [DRAWING_VERSION, cell_px, how.digits, [list(box) for box in boxes]]
    frozen = tuple(
        (title, _frozen(before), None if after is None else _frozen(after))
        for title, before, after in boxes
    )
    return {
        "type": "image",
        "shows": hash_of(shown),
        "width": size[0],
        "height": size[1],
        "data": _drawn(frozen, cell_px, how.digits),
    }


def _frozen(grid: Grid) -> tuple[bytes, ...]:
    return tuple(map(bytes, grid))


def laid_out(boxes: Sequence[_Box], cell_px: int) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    """Width and height of a picture, and the left upper corner of each box in it.

    The boxes stand in as many columns as make the longer side shortest.
    """
    sizes = [_size_of(box, cell_px) for box in boxes]
    return min(
        (_in_columns(sizes, columns) for columns in range(1, len(sizes) + 1)),
        key=lambda found: max(found[0]),
    )


def _in_columns(
    sizes: Sequence[tuple[int, int]], columns: int
) -> tuple[tuple[int, int], list[tuple[int, int]]]:
    widths = [max(width for width, _ in sizes[at::columns]) for at in range(columns)]
    places, top = [], _MARGIN_PX
    for first in range(0, len(sizes), columns):
        row = sizes[first : first + columns]
        places += [
            (_MARGIN_PX + sum(widths[:at]) + at * 2 * _MARGIN_PX, top) for at in range(len(row))
        ]
        top += max(height for _, height in row) + _MARGIN_PX
    width = sum(widths) + 2 * _MARGIN_PX * columns
    return (width, top), places


def _size_of(box: _Box, cell_px: int) -> tuple[int, int]:
    _, before, after = box
    shown = [before] if after is None else [before, after]
    width = sum(len(grid[0]) * cell_px + 1 for grid in shown) + _ARROW_PX * (len(shown) - 1)
    height = max(len(grid) for grid in shown) * cell_px + 1
    return max(width, 90), _TITLE_PX + height


@lru_cache(maxsize=_PICTURES_KEPT)  # the samples of a task have the same pictures
def _drawn(boxes: tuple[Any, ...], cell_px: int, digits: bool) -> str:
    from PIL import Image, ImageDraw

    size, places = laid_out(boxes, cell_px)
    image = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    for (title, before, after), (left, top) in zip(boxes, places, strict=True):
        draw.text((left, top), title, fill=_INK, font=_font(14))
        _draw_grid(draw, before, (left, top + _TITLE_PX), cell_px, digits=digits)
        if after is not None:
            end = left + len(before[0]) * cell_px + 1
            _draw_arrow(draw, end, top + _TITLE_PX + max(12, len(before) * cell_px // 2))
            _draw_grid(draw, after, (end + _ARROW_PX, top + _TITLE_PX), cell_px, digits=digits)
    encoded = io.BytesIO()
    if image.getcolors(256) is not None:  # none of them is changed then
        image = image.quantize(256, dither=Image.Dither.NONE)
    image.save(encoded, "PNG")
    return base64.b64encode(encoded.getvalue()).decode("ascii")


@lru_cache(maxsize=8)
def _font(size_px: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size_px)


def cells_of(
    rows: int, columns: int, corner: tuple[int, int], cell_px: int
) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Row, column and left upper pixel of each cell of a grid, inside of its lines."""
    for row in range(rows):
        for column in range(columns):
            yield row, column, (corner[0] + column * cell_px + 1, corner[1] + row * cell_px + 1)


def _draw_grid(
    draw: "ImageDraw", grid: Sequence[bytes], corner: tuple[int, int], cell_px: int, *, digits: bool
) -> None:
    """The cells, with lines of a pixel between and around them."""
    rows, columns = len(grid), len(grid[0])
    end = corner[0] + columns * cell_px, corner[1] + rows * cell_px
    draw.rectangle((*corner, *end), fill=_LINE)
    for row, column, (left, top) in cells_of(rows, columns, corner, cell_px):
        colour = ARC_COLOURS[grid[row][column]]
        inner = max(0, cell_px - 2)
        draw.rectangle((left, top, left + inner, top + inner), fill=colour)
        if digits:
            red, green, blue = colour
            is_bright = 299 * red + 587 * green + 114 * blue > 110_000
            draw.text(
                (left + inner / 2 + 0.5, top + inner / 2 + 0.5),
                str(grid[row][column]),
                fill=_INK if is_bright else _PAPER,
                font=_font(max(6, math.floor(cell_px * 0.7))),
                anchor="mm",
            )


def _draw_arrow(draw: "ImageDraw", left: int, middle: int) -> None:
    start, end = left + 8, left + _ARROW_PX - 8
    draw.line((start, middle, end, middle), fill=_INK, width=2)
    draw.polygon([(end, middle), (end - 7, middle - 5), (end - 7, middle + 5)], fill=_INK)
