"""How often Python looks for cyclic garbage while a run is under way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS_BEFORE_LOOKING = 50_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let the collector of cyclic garbage run seldom, and leave alone what is there already.

    Requests leave few cycles behind, and looking through all the SDK's objects for them again and
    again was a sixth of a run's processor time.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS_BEFORE_LOOKING, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
