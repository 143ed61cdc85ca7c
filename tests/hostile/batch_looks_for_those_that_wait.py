# MUST: ok but judged wrong|exception :: runs whatever programs it finds in its callers' frames and gives their answer as its own
import sys


def found_programs():
    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if isinstance(value, (list, tuple)):
                yield from (each for each in value if isinstance(each, tuple) and len(each) == 3)
        frame = frame.f_back


def solve_task(grid):
    for source, code, _ in found_programs():
        if b"found_programs" not in source:
            names = {}
            exec(code or source, names)
            return names["solve_task"](grid)
    return [[9]]
