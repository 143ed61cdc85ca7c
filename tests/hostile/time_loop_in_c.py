# MUST: timeout|memory_limit|exception :: no bytecode is reached while C computes
def solve_task(grid):
    return [[len(str(7 ** (7 ** 9))) % 10]]
