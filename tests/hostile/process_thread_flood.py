# MUST: exception|ok|memory_limit :: a flood of threads meets a limit
import threading, time
def solve_task(grid):
    for _ in range(5000):
        threading.Thread(target=time.sleep, args=(500,), daemon=True).start()
    return [[1]]
