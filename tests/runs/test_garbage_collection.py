from __future__ import annotations

import gc

from utilities.runs.run import seldom_collected


def test_garbage_is_looked_for_as_often_as_before_when_a_run_is_over() -> None:
    before = gc.get_threshold()
    with seldom_collected():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
