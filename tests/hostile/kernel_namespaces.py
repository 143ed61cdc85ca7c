# MUST: ok [[0]] :: no further namespaces, mounts or roots
import ctypes, os
def solve_task(grid):
    call = ctypes.CDLL(None, use_errno=True).syscall
    x86 = os.uname().machine == 'x86_64'
    unshare, setns, mount, pivot, umount = (272, 308, 165, 155, 166) if x86 else (97, 268, 40, 41, 39)
    for flags in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x04000000, 0x08000000):
        if call(unshare, flags) >= 0:
            return [[9]]
    others = [call(setns, 3, 0), call(mount, b'none', b'/', b'tmpfs', 0, 0), call(pivot, b'.', b'.'), call(umount, b'/', 2)]
    return [[9 if max(others) >= 0 else 0]]
