# MUST: ok [[0]] :: files without a name, and shared memory
import os
from multiprocessing import shared_memory
def solve_task(grid):
    for attempt in (lambda: os.memfd_create('x'), lambda: shared_memory.SharedMemory(create=True, size=9)):
        try:
            attempt()
            return [[9]]
        except OSError:
            pass
    return [[0]]
