# MUST: ok [[0]]|exception :: alarms are the program's own to use
import signal, time
def solve_task(grid):
    fired = []
    signal.signal(signal.SIGALRM, lambda *_: fired.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.05)
    return [[0 if fired else 9]]
