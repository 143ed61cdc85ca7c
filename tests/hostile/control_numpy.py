# MUST: ok [[1, 1]] :: numpy's numbers and truths are numbers
import numpy as np
def solve_task(grid):
    return np.array([[True, np.int16(1)]])
