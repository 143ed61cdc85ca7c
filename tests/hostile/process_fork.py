# MUST: ok [[0]] :: no process can be forked
import os
def solve_task(grid):
    for fork in (os.fork, os.forkpty):
        for _ in range(50):
            try:
                if fork() == 0:
                    os._exit(0)
                return [[9]]
            except OSError:
                pass
    return [[0]]
