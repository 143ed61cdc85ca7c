# MUST: ok [[0]] :: no new filter, no privilege, no change of the process's attributes
import ctypes
def solve_task(grid):
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((4, 1), (1, 0), (22, 0), (38, 0), (24, 0), (36, 1), (35, 1)):
        if libc.prctl(option, value, 0, 0, 0) >= 0:
            return [[9]]
    return [[0]]
