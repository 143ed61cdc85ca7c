# MUST: crashed|exception|invalid_output|timeout :: closing the result descriptor is no answer
import os, time
def solve_task(grid):
    os.close(3)
    time.sleep(10 ** 6)
