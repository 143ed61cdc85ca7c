# MUST: exception :: recursion without end is an ordinary error
def solve_task(grid):
    return [solve_task(grid)]
