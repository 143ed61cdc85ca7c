# MUST: ok [[0]] :: the rarely used calls, where kernels break, are refused
import ctypes, os
def solve_task(grid):
    call = ctypes.CDLL(None, use_errno=True).syscall
    room = ctypes.create_string_buffer(256)
    x86 = os.uname().machine == 'x86_64'
    old = (321, 298, 250, 248, 323, 175, 246, 304, 303, 279, 256) if x86 else (280, 241, 219, 217, 282, 105, 104, 265, 264, 239, 238)
    for number in (*old, 425, 426, 428, 429, 430, 432, 434, 437, 438, 440, 447, 448, 457):
        if call(number, room, 1, room, 1, 0) >= 0:
            return [[9]]
    return [[0]]
