# MUST: ok [[0]] :: clone, clone3, vfork by their numbers
import ctypes, os
def solve_task(grid):
    call = ctypes.CDLL(None, use_errno=True).syscall
    numbers = (57, 58) if os.uname().machine == 'x86_64' else ()
    for number in numbers:
        if call(number) >= 0:
            return [[9]]
    clone = 56 if os.uname().machine == 'x86_64' else 220
    if call(clone, 17, 0, 0, 0, 0) >= 0:
        return [[9]]
    return [[9 if call(435, ctypes.create_string_buffer(88), 88) >= 0 else 0]]
