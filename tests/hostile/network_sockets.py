# MUST: ok [[0]] :: no socket of any family
import socket
def solve_task(grid):
    for family in range(46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind)
                return [[9]]
            except OSError:
                pass
    return [[0]]
