# MUST: memory_limit :: one allocation far over the limit
def solve_task(grid):
    return [[len([None] * 10 ** 11) % 10]]
