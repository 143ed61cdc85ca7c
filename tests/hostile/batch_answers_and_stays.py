# MUST: ok but judged wrong :: answers everything, then a thread and the program itself write right answers without end
import os
import threading


def answers(row):
    return b"".join(bytes([n, 0, 1, len(row), 4, 0]) + bytes(row) + bytes(4) for n in range(4))


def write_on():
    while True:
        os.write(3, answers([2, 7, 1, 8, 2, 8, 1, 8]))


def solve_task(grid):
    os.write(3, answers([0]))
    threading.Thread(target=write_on, daemon=True).start()
    write_on()
