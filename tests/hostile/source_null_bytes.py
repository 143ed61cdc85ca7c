# MUST: ok [[0]]|exception :: code objects made by hand crash at most the child
def solve_task(grid):
    def inner():
        return 1
    changed = inner.__code__.replace(co_code=bytes(len(inner.__code__.co_code)), co_consts=())
    inner.__code__ = changed
    return [[0]]
