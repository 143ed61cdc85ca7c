"""What a fork server loads and warms up once, so that no child spends time on it."""

import builtins
import random
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from utilities.sandbox.program import OFFERED_MODULES, OFFERED_NAMES
from utilities.sandbox.syscalls import map_zeros

COMMON = (
    *("__future__", "abc", "bisect", "collections", "collections.abc", "contextlib", "copy"),
    *("dataclasses", "enum", "functools", "heapq", "itertools", "math"),
    *("operator", "os", "random", "re", "string", "sys", "time", "types", "typing", "warnings"),
)
"""Modules that most programs use. Each further shared library makes every fork slower."""
_RARE_NAMES = """
    argparse array ast asyncio atexit base64 binascii calendar cmath codecs collections.abc
    colorsys concurrent.futures.process csv ctypes.util datetime decimal difflib dis email
    encodings.idna errno faulthandler fcntl fileinput fnmatch fractions gc getpass glob graphlib
    grp gzip hashlib hmac html http.client importlib.metadata importlib.resources importlib.util
    inspect io json keyword linecache locale logging marshal mmap multiprocessing.pool
    multiprocessing.popen_fork multiprocessing.shared_memory numbers pathlib pdb pickle pkgutil
    platform pprint pwd queue reprlib resource runpy sched secrets select selectors shelve shlex
    shutil signal site socket sqlite3 ssl stat statistics struct subprocess symtable sysconfig
    tarfile tempfile textwrap threading timeit token tokenize trace traceback tracemalloc
    unicodedata unittest.mock urllib.request uuid weakref xml.etree.ElementTree zipfile zlib
    numpy.char numpy.ctypeslib numpy.fft numpy.lib.stride_tricks numpy.ma numpy.polynomial
    numpy.random numpy.rec numpy.testing
"""
RARE = tuple(_RARE_NAMES.split())
"""Further modules for a fork server whose children will not be able to read files."""
PARTS = {
    "numpy": ("numpy.ma",),
    "scipy": tuple(
        f"scipy.{part}" for part in ("ndimage", "optimize", "signal", "spatial.distance", "stats")
    ),
}
"""Parts of packages that programs use; importing them would take most of a program's time."""

TYPICAL_PROGRAM = b"""
from collections import Counter, defaultdict, deque
from itertools import product
def components(grid):
    height, width = len(grid), len(grid[0])
    seen = [[False] * width for _ in range(height)]
    found = []
    for r, c in product(range(height), range(width)):
        if seen[r][c] or grid[r][c] == 0:
            continue
        todo, cells = deque([(r, c)]), []
        seen[r][c] = True
        while todo:
            y, x = todo.popleft()
            cells.append((y, x))
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                v, u = y + dy, x + dx
                if 0 <= v < height and 0 <= u < width and grid[v][u] and not seen[v][u]:
                    seen[v][u] = True
                    todo.append((v, u))
        found.append(sorted(cells))
    return found
def solve_task(grid):
    parts = components([list(row) for row in grid])
    columns = [list(column)[::-1] for column in zip(*grid)]
    cells = {(r, c): v for r, row in enumerate(columns) for c, v in enumerate(row) if v}
    sorted(cells.items(), key=lambda item: (-item[1], item[0])), set(cells), sum(cells.values())
    Counter(cell for row in grid for cell in row).most_common(1)
    by_size = defaultdict(list)
    for part in parts:
        by_size[len(part)].append({key: value for key, value in enumerate(part)})
    try:
        raise ValueError(f'{len(parts)}')
    except ValueError as error:
        str(error)
    return [row[:] for row in columns]
"""
TYPICAL_PROGRAM_WITH_NUMPY = b"""
def solve_task(grid):
    a = np.array(grid)
    np.unique(a, return_counts=True), np.argwhere(a == 1), np.where(a > 1, a, 0)
    np.rot90(a), np.fliplr(a), np.flipud(a), a.T.copy(), np.kron(a, np.ones((2, 2), int))
    np.array_equal(a, a), np.bincount(a.ravel()).argmax(), np.zeros_like(a, dtype=bool)
    np.pad(a, 1), np.tile(a, (2, 2)), np.vstack([a, a]), np.hstack([a, a]), np.concatenate([a, a])
    np.nonzero(a), a.sum(axis=0), a.any(), a.all(axis=1), (a != 0) & (a > 1), np.roll(a, 1, 0)
    np.full((3, 3), 5), a.max(), a.min(), np.repeat(a, 2, 0), np.sort(a), np.isin(a, [1])
    a[a == 1] = 2
    return a.tolist()
"""
"""Run before any fork, so that what the interpreter and numpy make lazily (caches of methods,
adaptive instructions, dispatch tables) is made once and not in every child."""


_ARENA_BYTES = 1 << 20


class OfferedPackages(dict[str, str]):
    """Finds the packages that programs may use in their folders, and no others there."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import protocol; submodules are found through their package's own path."""
        return PathFinder.find_spec(name, [self[name]]) if name in self else None


def preload(packages: Mapping[str, str], more: Sequence[str], hash_seed: int) -> None:
    """Import what programs use, offer some of it as builtins, and seed the random generators."""
    sys.meta_path.append(OfferedPackages(packages))
    for name in (*COMMON, *more):
        with suppress(ImportError):  # the program will meet the same error, and may handle it
            import_module(name)
    random.seed(hash_seed)
    offered = vars(builtins)
    offered |= {name: sys.modules[name] for name in OFFERED_MODULES}
    for module, names in OFFERED_NAMES.items():
        offered |= {name: getattr(sys.modules[module], name) for name in names}
    if "numpy" in sys.modules:
        offered["np"] = offered["numpy"] = sys.modules["numpy"]
    if "scipy.ndimage" in sys.modules:
        offered["scipy"], offered["ndimage"] = sys.modules["scipy"], sys.modules["scipy.ndimage"]
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(hash_seed)


def fill_below_arenas() -> None:
    """Map zeros just below the memory of Python's objects; they cost nothing until touched.

    A program that reads around its objects by raw addresses then always finds zeros, so its
    verdict does not depend on the memory layout that this process happened to get.
    """
    regions = []
    with open("/proc/self/maps", encoding="utf-8") as maps:  # noqa: PTH123 - costs 5 ms
        for addresses, rights, *_, inode_or_name in map(str.split, maps):
            start, end = (int(address, 16) for address in addresses.split("-"))
            regions.append((start, end, rights == "rw-p" and inode_or_name in {"0", "[heap]"}))
    fill_from = regions[-1][1]
    previous_start = fill_from
    for start, end, is_anonymous in reversed(regions):  # downwards
        gap_from = max(end, fill_from)
        if gap_from < previous_start:
            map_zeros(gap_from, previous_start - gap_from)
        if is_anonymous and end - start >= _ARENA_BYTES:
            fill_from = start - start % _ARENA_BYTES
        previous_start = start
