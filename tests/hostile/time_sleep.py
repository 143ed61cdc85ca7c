# MUST: timeout :: who uses no processor time is killed at the limit by the clock
import time
def solve_task(grid):
    time.sleep(10 ** 6)
