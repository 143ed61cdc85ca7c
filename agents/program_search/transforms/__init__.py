"""The vocabulary of the search: transforms of grids, facts about cells and parts.

Importing anything of this package registers every transform, always in the same order: of steps
of equal cost the earlier registered is tried first, so the order is part of the search's results.
"""

from importlib import import_module

MODULES = (
    "cropping",
    "pictures",
    "objects",
    "summaries",
    "paints",
    "facts",
    "part_facts",
    "rays",
    "stamps",
    "layouts",
    "matching",
    "moves",
    "seeds",
    "panes",
    "areas",
)
"""The modules that register transforms, in this order (a module's own imports go before it)."""

for _name in MODULES:
    import_module(f"{__name__}.{_name}")
