# MUST: crashed|ok [[0]] :: the same calls under the numbers of another interface
import ctypes
def solve_task(grid):
    call = ctypes.CDLL(None, use_errno=True).syscall
    return [[9 if call(0x40000000 + 57) >= 0 else 0]]
