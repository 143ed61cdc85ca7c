# MUST: timeout|crashed|exception|invalid_output :: what it takes out of the pipe is its own
import os, struct, time
def solve_task(grid):
    own = os.open("/proc/self/fd/3", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.read(own, 100)
    except BlockingIOError:
        pass
    os.write(3, struct.pack("<i", os.getppid()))
    time.sleep(10 ** 6)
