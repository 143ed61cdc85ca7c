# MUST: invalid_output|output_limit :: a grid far over 30 by 30
def solve_task(grid):
    return [[1] * 2000 for _ in range(2000)]
