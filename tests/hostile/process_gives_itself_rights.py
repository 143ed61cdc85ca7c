# MUST: ok [[0]] :: neither user, nor group, nor capabilities can change
import ctypes, os
def solve_task(grid):
    for attempt in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]),
                    lambda: os.setresuid(0, 0, 0), lambda: os.chroot('/'), lambda: os.nice(-5)):
        try:
            attempt()
            return [[9]]
        except OSError:
            pass
    return [[9 if 0 in (*os.getresuid(), *os.getresgid()) else 0]]
