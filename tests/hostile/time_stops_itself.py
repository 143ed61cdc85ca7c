# MUST: ok [[0]]|timeout :: a stopped process must not wedge its worker
import os, signal
def solve_task(grid):
    for stop in (signal.SIGSTOP, signal.SIGTSTP):
        try:
            os.kill(os.getpid(), stop)
        except OSError:
            pass
    return [[0]]
