# MUST: ok [[0]] :: standard output is no file that could fill a disk
import os
def solve_task(grid):
    written = 0
    for _ in range(200):
        written += os.write(1, b'x' * 65536)
    return [[0 if written else 9]]
