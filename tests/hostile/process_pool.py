# MUST: exception|ok [[0]] :: pools of processes are refused
from concurrent.futures import ProcessPoolExecutor
def solve_task(grid):
    with ProcessPoolExecutor(2) as pool:
        return [[9 if list(pool.map(abs, [-1])) else 0]]
