"""Modules that a program imports and that lie beside it, written into its text.

So the text runs by itself, wherever it is run, as it does beside them.
"""

import ast
from collections.abc import Iterator, Mapping

from utilities.sandbox.python_source import Unparsable, parse_python

_FINDER = "_Beside"
_MODULES = f"""class {_FINDER}:  # finds the modules that lay beside this program
    texts = {{}}

    def find_spec(self, name, *_):
        if name in self.texts:
            return __import__("importlib.machinery").machinery.ModuleSpec(name, self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(self.texts[name], name + ".py", "exec"), vars(module))


__import__("sys").meta_path.insert(0, {_FINDER}())
"""
"""Imports them as Python does: when they are wanted, once, also in a circle."""


def imported_names(text: str) -> set[str]:
    """First parts of the names of the modules that a source imports anywhere."""
    tree = parse_python(text)
    names: set[str] = set()
    for node in () if isinstance(tree, Unparsable) else ast.walk(tree):
        match node:
            case ast.Import(names=modules):
                names |= {module.name.split(".")[0] for module in modules}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module.split(".")[0])
    return names


def with_modules(text: str, tree: ast.Module, modules: Mapping[str, str]) -> str:
    """The program with the modules that it imports in its text, before its first statement.

    A docstring and imports of the future stay first.
    """
    if not modules:
        return text
    texts = "".join(f"\n        {name!r}: {module!r}," for name, module in modules.items())
    added = _MODULES.replace("texts = {}", f"texts = {{{texts}\n    }}", 1)
    first = next((each for each in tree.body if not _comes_first(each)), None)
    if first is None:
        return f"{text}\n{added}"
    lines = text.split("\n")
    decorators = getattr(first, "decorator_list", [])
    number = min(node.lineno for node in (first, *decorators)) - 1
    return "\n".join([*lines[:number], added, *lines[number:]])


def _comes_first(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.ImportFrom(module="__future__"):
            return True
    return False


def modules_within(tree: ast.Module) -> Iterator[ast.Module]:
    """The syntax trees of the modules that `with_modules` wrote into a program."""
    for statement in tree.body:
        match statement:
            case ast.ClassDef(name=name, body=[ast.Assign(value=ast.Dict(values=texts)), *_]) if (
                name == _FINDER
            ):
                for text in texts:
                    value = text.value if isinstance(text, ast.Constant) else None
                    inner = parse_python(value) if isinstance(value, str) else None
                    if isinstance(inner, ast.Module):
                        yield inner
