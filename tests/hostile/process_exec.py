# MUST: ok [[0]] :: no program of the system can be started
import os, subprocess
def solve_task(grid):
    for attempt in (lambda: os.execv('/bin/sh', ['sh', '-c', 'true']),
                    lambda: subprocess.run(['/bin/true']),
                    lambda: os.posix_spawn('/bin/true', ['true'], {})):
        try:
            attempt()
            return [[9]]
        except OSError:
            pass
    return [[9 if os.system('true') == 0 else 0]]
