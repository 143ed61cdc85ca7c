# MUST: crashed|exception :: an overflow of the C stack ends the child and nothing else
import sys
def solve_task(grid):
    sys.setrecursionlimit(10 ** 9)
    class Deep:
        def __repr__(self):
            return repr(self)
    return [[len(repr(Deep()))]]
