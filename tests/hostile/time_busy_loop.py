# MUST: timeout :: a loop that never ends is killed at the limit of processor time
def solve_task(grid):
    total = 0
    while True:
        total += 1
