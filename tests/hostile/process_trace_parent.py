# MUST: ok [[0]] :: neither ptrace nor reading another process's memory
import ctypes, os
def solve_task(grid):
    call = ctypes.CDLL(None, use_errno=True).syscall
    buffer = ctypes.create_string_buffer(64)
    x86 = os.uname().machine == 'x86_64'
    attach, vm_read, vm_write = (101, 310, 311) if x86 else (117, 270, 271)
    parent = os.getppid()
    done = [call(attach, 16, parent, 0, 0), call(vm_read, parent, buffer, 1, buffer, 1, 0),
            call(vm_write, parent, buffer, 1, buffer, 1, 0)]
    try:
        open(f'/proc/{parent}/mem', 'rb')
        return [[9]]
    except OSError:
        return [[9 if max(done) >= 0 else 0]]
