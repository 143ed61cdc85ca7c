"""Programs to measure and compare sandboxes with: what models write for ARC, in many variants.

`realistic_programs` are whole solutions of a kind (they run on every grid, and are right on few
tasks); `odd_programs` go wrong, or are odd, in every way that an honest program can.
"""

from __future__ import annotations

from itertools import product

_COMPONENTS = '''
from collections import deque

def find_components(grid, background, diagonal):
    """Return the connected components of one colour each."""
    height, width = len(grid), len(grid[0])
    steps = [(0, 1), (1, 0), (0, -1), (-1, 0)]
    if diagonal:
        steps += [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    seen = [[False] * width for _ in range(height)]
    components = []
    for r in range(height):
        for c in range(width):
            if seen[r][c] or grid[r][c] == background:
                continue
            colour, cells, queue = grid[r][c], [], deque([(r, c)])
            seen[r][c] = True
            while queue:
                y, x = queue.popleft()
                cells.append((y, x))
                for dy, dx in steps:
                    v, u = y + dy, x + dx
                    inside = 0 <= v < height and 0 <= u < width
                    if inside and not seen[v][u] and grid[v][u] == colour:
                        seen[v][u] = True
                        queue.append((v, u))
            components.append((colour, cells))
    return components
'''

_RECOLOUR_BY_SIZE = (
    _COMPONENTS
    + """
def solve_task(grid):
    components = find_components(grid, 0, {flag})
    result = [row[:] for row in grid]
    if not components:
        return result
    largest = max(len(cells) for _, cells in components)
    for colour, cells in components:
        for r, c in cells:
            result[r][c] = {colour} if len(cells) == largest else colour
    return result
"""
)

_CROP_ONE = (
    _COMPONENTS
    + """
def solve_task(grid):
    components = find_components(grid, 0, {flag})
    components.sort(key=lambda item: (len(item[1]), item[0] == {colour}))
    if not components:
        return grid
    _, cells = components[{number} % len(components)]
    rows = [r for r, _ in cells]
    columns = [c for _, c in cells]
    return [row[min(columns):max(columns) + 1] for row in grid[min(rows):max(rows) + 1]]
"""
)

_OBJECTS = (
    "from __future__ import annotations\nfrom dataclasses import dataclass, field\n"
    + _COMPONENTS
    + """
@dataclass
class Shape:
    colour: int
    cells: list[tuple[int, int]] = field(default_factory=list)

    @property
    def top(self) -> int:
        return min(r for r, _ in self.cells)

    def moved(self, dr: int, dc: int) -> list[tuple[int, int]]:
        return [(r + dr, c + dc) for r, c in self.cells]

def solve_task(grid):
    height, width = len(grid), len(grid[0])
    shapes = [Shape(colour, cells) for colour, cells in find_components(grid, 0, {flag})]
    result = [[0] * width for _ in range(height)]
    for shape in sorted(shapes, key=lambda one: -one.top):
        for r, c in shape.moved({number}, 0):
            if 0 <= r < height and 0 <= c < width:
                result[r][c] = {colour} if shape.colour == 1 else shape.colour
    return result
"""
)

_FILL_ENCLOSED = """
def solve_task(grid):
    height, width = len(grid), len(grid[0])
    outside = set()
    stack = [(r, c) for r in range(height) for c in range(width)
             if (r in (0, height - 1) or c in (0, width - 1)) and grid[r][c] == 0]
    while stack:
        r, c = stack.pop()
        if (r, c) in outside:
            continue
        outside.add((r, c))
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            y, x = r + dr, c + dc
            if 0 <= y < height and 0 <= x < width and grid[y][x] == 0 and (y, x) not in outside:
                stack.append((y, x))
    filled = {number}
    return [[{colour} if grid[r][c] == 0 and (r, c) not in outside else grid[r][c]
             for c in range(width)] for r in range(height)]
"""

_GRAVITY = """
import numpy as np

def solve_task(grid):
    # rotate so that things fall down, let them fall, rotate back
    a = np.rot90(np.array(grid), {number}).copy()
    height, width = a.shape
    for c in range(width):
        column = [value for value in a[:, c] if value != 0]
        a[:, c] = [0] * (height - len(column)) + column
    if {flag}:
        a[a == {colour}] = 0
    return np.rot90(a, -{number}).tolist()
"""

_BOUNDING_BOX = """
import numpy as np

def solve_task(grid):
    a = np.array(grid)
    values, counts = np.unique(a, return_counts=True)
    background = values[counts.argmax()]
    cells = np.argwhere(a != background)
    if len(cells) == 0:
        return a.tolist()
    (top, left), (bottom, right) = cells.min(axis=0), cells.max(axis=0)
    crop = a[top:bottom + 1, left:right + 1]
    if {flag}:
        crop = np.fliplr(crop)
    crop = np.where(crop == background, {colour}, crop)
    return np.roll(crop, {number}, axis=1)
"""

_MOST_COMMON = """
from collections import Counter

def solve_task(grid):
    counts = Counter(cell for row in grid for cell in row)
    ranking = [colour for colour, _ in counts.most_common()]
    swap = {{ranking[0]: {colour}}}
    for position, colour in enumerate(ranking[1:]):
        swap[colour] = ranking[(position + {number}) % len(ranking)] if {flag} else colour
    return [[swap[cell] for cell in row] for row in grid]
"""

_SYMMETRY = """
import numpy as np

def solve_task(grid):
    x = np.array(grid)
    best, best_score = x, -1
    for name, y in (("lr", x[:, ::-1]), ("ud", x[::-1]), ("rot", np.rot90(x, 2))):
        both = (x != 0) & (y != 0)
        score = int((x[both] == y[both]).sum()) + (name == "lr") * {number}
        if score > best_score:
            best, best_score = np.where(x == 0, y, x), score
    out = best.copy()
    if {flag} and out.shape[0] == out.shape[1]:
        out = np.maximum(out, out.T)
    out[out == {colour}] = 0
    return out
"""

_JOIN_POINTS = """
def solve_task(grid):
    height, width = len(grid), len(grid[0])
    result = [list(row) for row in grid]
    points = {{}}
    for r, row in enumerate(grid):
        for c, value in enumerate(row):
            if value:
                points.setdefault(value, []).append((r, c))
    for value, places in points.items():
        if len(places) > 12:
            continue
        for i, (r1, c1) in enumerate(places):
            for r2, c2 in places[i + 1:]:
                if r1 == r2:
                    for c in range(min(c1, c2) + 1, max(c1, c2)):
                        result[r1][c] = result[r1][c] or {colour}
                elif c1 == c2 and {flag}:
                    for r in range(min(r1, r2) + 1, max(r1, r2)):
                        result[r][c1] = result[r][c1] or value
    return result[{number} % height:] + result[:{number} % height]
"""

_TEMPLATES = (
    *(_RECOLOUR_BY_SIZE, _CROP_ONE, _OBJECTS, _FILL_ENCLOSED, _GRAVITY, _BOUNDING_BOX),
    *(_MOST_COMMON, _SYMMETRY, _JOIN_POINTS),
)


def realistic_programs() -> list[str]:
    """Over 200 distinct programs of 10 to 60 lines, kinds mixed."""
    variants = list(product((1, 2, 3), (2, 3, 4, 5, 6, 7, 8, 9), (True, False)))[:27]
    found = [
        template.format(number=number, colour=colour, flag=flag)
        for number, colour, flag in variants
        for template in _TEMPLATES
    ]
    return list(dict.fromkeys(program.lstrip() for program in found))


_ODD_BODIES = (
    # right on a task that mirrors its rows, each in its own type
    "return [row[::-1] for row in grid]",
    "return tuple(tuple(row[::-1]) for row in grid)",
    "return np.array(grid)[:, ::-1]",
    "return [[float(cell) for cell in row[::-1]] for row in grid]",
    "return list(map(list, map(reversed, grid)))",
    "return [np.array(row[::-1], dtype=np.uint8) for row in grid]",
    "for row in grid: row.reverse()\n    return grid",
    "import numpy as np\n    return np.fliplr(grid).astype(bool) * np.fliplr(grid)",
    # no grid at all
    "return None",
    "return []",
    "return [[]]",
    "return [row + [1] * i for i, row in enumerate(grid)]",
    "return [[str(cell) for cell in row] for row in grid]",
    "return np.array(grid) / 2",
    "return [[10]]",
    "return [[-1]]",
    "return (row for row in grid)",
    "return {0: grid}",
    "return [5, 5]",
    "return np.zeros((40, 3))",
    # raising
    "return 1 / 0",
    "return grid[99]",
    "raise SystemExit(0)",
    "raise KeyboardInterrupt",
    "assert False, 'no'",
    "import no_such_module",
    "return solve_task(grid)",
    "return undefined_name",
    "return input()",
    "return open('/etc/passwd').read()",
    # changing what others might see
    "import sys; sys.setrecursionlimit(150); return grid",
    "import builtins; builtins.len = None; return grid",
    "np.rot90 = None; return grid",
    "import collections; collections.Counter.most_common = None; return grid",
    "import warnings; warnings.simplefilter('error'); return grid",
    "np.seterr(all='raise'); return grid",
    "import gc; gc.disable(); return grid",
    "import random; random.seed(5); return [[random.randint(0, 9)]]",
    "import random; return [[random.randint(0, 9) for _ in range(9)]]",
    "print('x' * 9000); return grid",
    "import threading; threading.Thread(target=print).start(); return grid",
    "grid.clear(); return [[1]]",
    "return [[hash('colour') % 10]]",
    "import os; os._exit(0)",
    "sum(range(10 ** 6)); return grid",
)
_ODD_WHOLES = (
    "def solve_task(grid)\n    return grid",
    "",
    "x = 1",
    "solve_task = 3",
    "def other(grid): return grid",
    "1 / 0\ndef solve_task(grid): return grid",
    "def transform(grid): return grid[::-1]",
    "p = lambda g: [r[::-1] for r in g]",
    "(" * 300,
    "COUNT = 0\ndef solve_task(grid):\n    global COUNT\n    COUNT += 1\n    return [[COUNT % 10]]",
    "def solve_task(grid, deep=[]):\n    deep.append(1)\n    return [[len(deep) % 10]]",
)


def odd_programs() -> list[str]:
    """A hundred distinct programs that go wrong or are odd."""
    bodies = [f"def solve_task(grid):\n    {body}\n" for body in _ODD_BODIES]
    second = [f"{program}\nLATER = {{'again': True}}\n" for program in bodies]
    return [*bodies, *_ODD_WHOLES, *second]
