# MUST: timeout :: every signal is ignored and every exception swallowed
import signal
def solve_task(grid):
    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
