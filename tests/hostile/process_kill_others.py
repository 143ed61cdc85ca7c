# MUST: ok [[0]] :: no signal reaches anybody
import os, signal
def solve_task(grid):
    me, reached = os.getpid(), 0
    targets = [os.getppid(), -1, 0, 1, *range(2, 500)]
    for target in targets:
        for number in (signal.SIGKILL, signal.SIGTERM):
            if target == me:
                continue
            try:
                os.kill(target, number)
                reached = 9
            except OSError:
                pass
    try:
        os.killpg(0, signal.SIGKILL)
        reached = 9
    except OSError:
        pass
    return [[reached]]
