# MUST: timeout :: catastrophic backtracking holds the interpreter for ages
import re
def solve_task(grid):
    return [[int(bool(re.match('(a|aa)+$', 'a' * 90 + 'b')))]]
