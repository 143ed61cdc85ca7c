# MUST: syntax_error :: no Python at all
def solve_task(grid):
    return [[0]
