# MUST: invalid_output :: nothing that comes back is unpickled
import os
class Bomb:
    def __reduce__(self):
        return os.system, ('touch CANARY_FOLDER/PWNED',)
def solve_task(grid):
    return [[Bomb()]]
