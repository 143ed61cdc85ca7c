# MUST: ok [[0]] :: no variable of the host, in any place
import ctypes, os
def solve_task(grid):
    told = repr(dict(os.environ)) + repr(os.environb)
    get = ctypes.CDLL(None).getenv
    get.restype = ctypes.c_char_p
    for name in (b'OPENAI_API_KEY', b'SECRET_CANARY', b'HOME', b'PATH'):
        told += repr(get(name))
    return [[9 if 'CANARY' in told or 'sk-' in told else 0]]
