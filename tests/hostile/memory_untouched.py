# MUST: memory_limit :: address space counts even where nothing is written
import numpy as np
def solve_task(grid):
    kept = [np.empty(1 << 27, dtype=np.uint8) for _ in range(100)]
    return [[len(kept) % 10]]
