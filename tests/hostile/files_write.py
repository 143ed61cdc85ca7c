# MUST: ok [[0]] :: no file can be made, emptied or written
import os, tempfile
def solve_task(grid):
    made = 0
    for place in ('CANARY_FOLDER/PWNED', '/tmp/PWNED_own', '/dev/shm/PWNED_own', '/var/tmp/PWNED_own', 'PWNED_own'):
        for mode in ('w', 'a', 'x', 'r+'):
            try:
                open(place, mode).close()
                made = 9
            except OSError:
                pass
    try:
        os.truncate('CANARY_FOLDER/.env', 0)
        made = 9
    except OSError:
        pass
    try:
        tempfile.TemporaryFile()
        made = 9
    except OSError:
        pass
    return [[made]]
