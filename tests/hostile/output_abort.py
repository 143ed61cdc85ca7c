# MUST: crashed|exception :: an abort ends the child and nothing else
import ctypes
def solve_task(grid):
    ctypes.string_at(0)
