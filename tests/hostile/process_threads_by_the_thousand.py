# MUST: ok but judged wrong|exception|timeout|crashed|memory_limit :: Python threads with the smallest stacks, until there can be no more: all others must still get a process
import _thread
import threading


def solve_task(grid):
    threading.stack_size(1 << 15)
    gate = _thread.allocate_lock()
    gate.acquire()
    try:
        for _ in range(20_000):
            _thread.start_new_thread(gate.acquire, ())
    except RuntimeError:
        gate.acquire()
    return grid
