"""Which function of a program answers, if none has the name that was asked for."""

import ast
import re
from typing import TypeAlias

from utilities.sandbox.program import ENTRY_POINTS
from utilities.sandbox.python_source import entry_point_of, only_function_of, top_level

ASKED_FOR = ENTRY_POINTS[0]

_USUAL_NAME = re.compile(r"_*(?:arc_?)?(?:solve|solution|transform|answer|predict)", re.IGNORECASE)
_NO_ANSWER = re.compile(
    r"_*(?:run_)?(?:tests?|check|verify|validate|evaluate|assert|compare|score|debug|demo|example"
    r"|print|show|display|plot|visuali[sz]e|load|read|parse|save|write)(?![a-z])"
)
"""What names of functions begin with that test and show a solution."""
_NO_GRID = re.compile(
    r"grids|inputs|tasks?|pairs?|examples?|train\w*|tests?|data|path|file\w*|arg[sv]"
)
"""Names of parameters that take more than one grid, or none."""
_PARTS_OF_A_TASK = {"train", "test", "input", "output"}

_Function: TypeAlias = ast.FunctionDef | ast.Lambda


def answering(tree: ast.Module) -> str | None:
    """What answers, as an expression such as `transform` or `Solution().solve`; None if unclear.

    The first of these that there is: a function of a name in ENTRY_POINTS, which can be called
    with one grid; a function, then a method, of a similar name; the only function; the one
    function that can be called with a grid and that no other one uses. A function that is a part
    of another one is passed over, even if its name is a usual one.
    """
    named = entry_point_of(tree)
    if named == ASKED_FOR:
        return named
    program = _Program(tree)
    whole = [name for name in program.takers if not program.users[name]]
    usual = [name for name in whole if _USUAL_NAME.match(name)]
    if named and (named not in program.functions or named in program.takers):
        around = [name for name in usual if name in program.users[named]]
        return around[0] if len(around) == 1 else named
    if len(usual) == 1:
        return usual[0]
    classes = [each for each in program.classes if not program.users[each.name]]
    methods = [method for each in classes if (method := _method_to_call(each))]
    if len(methods) == 1:
        return methods[0]
    return only_function_of(tree) or (whole[0] if len(whole) == 1 else named)


class _Program:
    """The functions and classes of the top level, and which of them use which."""

    def __init__(self, tree: ast.Module) -> None:
        self.functions: dict[str, _Function] = {}
        self.classes: list[ast.ClassDef] = []
        for statement in top_level(tree.body):
            match statement:
                case ast.FunctionDef(name=name):
                    self.functions[name] = statement
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function):
                    self.functions[name] = function
                case ast.ClassDef():
                    self.classes.append(statement)
        makers = {
            name: function
            for name, function in self.functions.items()
            if function.args.args and not (_NO_ANSWER.match(name) or _is_for_tasks(function))
        }
        """The functions without those that test, show, start, and go through a task."""
        self.takers = [name for name, function in makers.items() if _takes(function, 1)]
        """Functions that can be called with one grid."""
        names = [*self.functions, *(each.name for each in self.classes)]
        self.users: dict[str, set[str]] = {name: set() for name in names}
        """For each function and class the others that use it to make their answers."""
        for user, node in [*makers.items(), *((each.name, each) for each in self.classes)]:
            uses = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            for used in uses & self.users.keys() - {user}:
                self.users[used].add(user)


def _is_for_tasks(function: _Function) -> bool:
    keys = (each.slice for each in ast.walk(function) if isinstance(each, ast.Subscript))
    return bool(_NO_GRID.fullmatch(function.args.args[0].arg)) or any(
        isinstance(key, ast.Constant) and key.value in _PARTS_OF_A_TASK for key in keys
    )


def _takes(function: _Function, count: int, *, bound: bool = False) -> bool:
    """Whether it can be called with `count` grids, and with `self` before them if it is `bound`."""
    arguments, count = function.args, count + bound
    places = len(arguments.posonlyargs) + len(arguments.args)
    needed = places - len(arguments.defaults)
    return needed <= count and (count <= places or arguments.vararg is not None)


def _method_to_call(each: ast.ClassDef) -> str | None:
    """The method that answers for a class, with an object to call it on."""
    methods = {node.name: node for node in each.body if isinstance(node, ast.FunctionDef)}
    open_names = [name for name in methods if not name.startswith("_")]
    usual = [name for name in ENTRY_POINTS if name in methods]
    usual += [name for name in open_names if _USUAL_NAME.match(name)]
    if "__call__" in methods:
        usual.append("__call__")
    name = next(iter(usual), open_names[0] if len(open_names) == 1 else None)
    if name is None:
        return None
    method, made_by = methods[name], methods.get("__init__")
    decorators = {node.id for node in method.decorator_list if isinstance(node, ast.Name)}
    call = "" if name == "__call__" else f".{name}"
    if "staticmethod" in decorators:
        return f"{each.name}{call}" if _takes(method, 1) else None
    if "classmethod" in decorators:
        return f"{each.name}{call}" if _takes(method, 1, bound=True) else None
    if made_by is None or _takes(made_by, 0, bound=True):
        return f"{each.name}(){call}" if _takes(method, 1, bound=True) else None
    if _takes(made_by, 1, bound=True) and _takes(method, 0, bound=True):
        return f"lambda grid: {each.name}(grid){call}()"
    return None
