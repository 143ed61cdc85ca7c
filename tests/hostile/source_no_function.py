# MUST: no_entry_point :: a function of another name is no entry point here
def my_solution(grid):
    return grid
