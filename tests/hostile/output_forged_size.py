# MUST: crashed|invalid_output|output_limit :: lengths in records are not believed
import os, struct
def solve_task(grid):
    os.write(3, struct.pack('<BBBBH', 0, 0, 255, 255, 65535))
    os._exit(0)
