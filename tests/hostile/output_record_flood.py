# MUST: output_limit|crashed|invalid_output :: rubbish on the result descriptor is cut off
import os
def solve_task(grid):
    while True:
        os.write(3, b'\x01\x02' * 3000)
