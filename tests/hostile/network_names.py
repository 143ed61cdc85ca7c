# MUST: ok [[0]] :: no name is resolved, no page is fetched
import socket
from urllib.request import urlopen
def solve_task(grid):
    for attempt in (lambda: socket.create_connection(('127.0.0.1', 80), 1), lambda: urlopen('http://127.0.0.1/', timeout=1),
                    lambda: socket.socketpair(), lambda: socket.gethostbyname('example.org')):
        try:
            attempt()
            return [[9]]
        except OSError:
            pass
    return [[0]]
