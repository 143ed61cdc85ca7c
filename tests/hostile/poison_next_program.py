# MUST: ok [[0]]|crashed :: what this one breaks, the next one finds whole
import builtins, collections, sys
import numpy as np
def solve_task(grid):
    np.zeros = np.array = np.rot90 = None
    collections.Counter.most_common = lambda *_: [(9, 9)]
    sys.modules['math'] = None
    sys.setrecursionlimit(70)
    builtins.sorted = builtins.range = None
    return [[0]]
