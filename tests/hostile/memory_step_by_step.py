# MUST: memory_limit|crashed|timeout :: growth by small steps stops at the limit
def solve_task(grid):
    kept = []
    while True:
        kept.append('x' * (1 << 19) + str(len(kept)))
