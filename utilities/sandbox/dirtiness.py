"""Whether a program left traces that the next one in the same process could notice.

It keeps honest programs apart. A hostile one can deceive it; that is why no pass counts that was
reached behind another program.
"""

from __future__ import annotations

import _thread
import gc
import signal
import sys
import warnings
from operator import is_
from typing import Any

_WATCHED = (
    *("builtins", "bisect", "collections", "copy", "dataclasses", "enum", "functools", "heapq"),
    *("itertools", "math", "numpy", "numpy.linalg", "operator", "os", "random", "re", "string"),
    *("sys", "time", "types", "typing"),
)
_CHANGING = frozenset(
    {"__warningregistry__", "last_type", "last_value", "last_traceback", "stdout", "stderr"}
)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_SIGNALS = (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGINT, signal.SIGXCPU)
_MISSING = object()


class Snapshot:
    """The names that programs share, as they were before any of them ran."""

    def __init__(self, *namespaces: dict[str, Any]) -> None:
        """Look at the modules that are loaded now, the classes of `collections`, and `namespaces`.

        These are the toolkit's own, which no module's name leads to.
        """
        modules = {name: sys.modules[name] for name in _WATCHED if name in sys.modules}
        self._modules = modules
        spaces = [*namespaces, *(vars(module) for module in modules.values())]
        classes = [each for each in vars(sys.modules["collections"]).values() if type(each) is type]
        self._spaces = [(space, dict(space)) for space in spaces]
        self._classes = [(each, dict(vars(each))) for each in classes]
        self._state = self._small_state()

    def still_holds(self) -> bool:
        """Whether nothing that is watched has changed."""
        if self._state != self._small_state() or _thread._count() or _printing_is_odd():
            return False
        if any(sys.modules.get(name) is not module for name, module in self._modules.items()):
            return False
        return all(_same(now, before) for now, before in self._spaces) and all(
            _same(vars(each), before) for each, before in self._classes
        )

    @staticmethod
    def _small_state() -> tuple[Any, ...]:
        numpy = sys.modules.get("numpy")
        return (
            sys.getrecursionlimit(),
            sys.gettrace(),
            sys.getprofile(),
            gc.isenabled(),
            gc.get_threshold(),
            len(gc.callbacks),
            list(warnings.filters),
            [signal.getsignal(number) for number in _SIGNALS],
            [signal.getitimer(timer) for timer in _TIMERS],
            None if numpy is None else (numpy.geterr(), numpy.get_printoptions()),
            list(sys.meta_path),
        )


def _same(now: Any, before: dict[str, Any]) -> bool:
    """Whether a namespace holds the very objects that it held."""
    if len(now) == len(before) and all(map(is_, now.values(), before.values())):
        return True
    if len(now) > len(before) + len(_CHANGING):
        return False
    return all(
        now.get(name, _MISSING) is value for name, value in before.items() if name not in _CHANGING
    )


def _printing_is_odd() -> bool:
    """Whether the captured output cannot be written to any more."""
    return bool(getattr(sys.stdout, "closed", True))
