# MUST: invalid_output|exception :: a cell that changes each time it is asked
class Shifty(int):
    def __new__(cls):
        return super().__new__(cls, 3)
    def __le__(self, other):
        raise ValueError
    def __ge__(self, other):
        raise ValueError
    def __int__(self):
        return 99
def solve_task(grid):
    return [[Shifty()]]
