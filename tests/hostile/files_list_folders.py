# MUST: ok [[0]] :: the folders of the host cannot be listed
import os
def solve_task(grid):
    for folder in ('/home', '/tmp', '/etc', '/var', '/proc', '/opt', '/srv', 'CANARY_FOLDER', '..'):
        try:
            os.listdir(folder)
            return [[9]]
        except OSError:
            pass
        try:
            if any(True for _ in os.scandir(folder)):
                return [[9]]
        except OSError:
            pass
    return [[0]]
