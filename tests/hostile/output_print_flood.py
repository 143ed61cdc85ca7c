# MUST: timeout|output_limit :: printing without end fills nothing
def solve_task(grid):
    while True:
        print('y' * 5000)
