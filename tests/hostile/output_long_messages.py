# MUST: invalid_output|exception :: records with messages of 15,000 bytes that would clear a terminal
import os
import struct


def solve_task(grid):
    text = b"\x1b[2J\x1b[H" * 2000
    for index in range(4):
        os.write(3, struct.pack("<BBBBHI", index, 1, 0, 0, 4 + len(text), 0) + text)
    return grid
