# MUST: timeout :: a lock that nobody will release
import threading
def solve_task(grid):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
