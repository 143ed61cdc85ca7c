"""Makes a program carry only what it uses: arguments that never vary go into its functions.

Partial evaluation (Jones, Gomard and Sestoft, 1993) in its smallest form. If every call of a
function gives a parameter the same literal, the literal takes the parameter's place, what it
decides is folded, and what nobody reads any more goes. Functions that come down to one short
expression are written where they were called.
"""

import ast
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from agents.program_search.transforms.registry import REGISTRY, REMEMBERED
from agents.program_search.writing.folding import (
    Folding,
    Names,
    copied,
    is_literal,
    names_in,
    walked,
)
from agents.program_search.writing.layout import (
    WIDTH,
    function_text,
    given_back,
    has_docstring,
    is_text,
    wrapped,
)
from agents.program_search.writing.tidying import (
    GivingBack,
    argument_at,
    is_plain,
    parameters,
    passes_on,
    tidied,
)

MAIN = "solve_task"
SHORT, SHORTEST = 72, 44
"""How long an expression may be, in letters, that takes the place of one call, or of several."""
STRANGE = (ast.Global, ast.Nonlocal, ast.Delete, ast.ClassDef, ast.Try, ast.With, ast.Match)
STRANGE_TOO = (ast.Yield, ast.YieldFrom, ast.Import, ast.ImportFrom)
QUIET = {
    "abs",
    "all",
    "any",
    "bool",
    "dict",
    "divmod",
    "enumerate",
    "int",
    "isinstance",
    "len",
    "list",
} | {"map", "max", "min", "range", "reversed", "set", "sorted", "str", "sum", "tuple", "zip"}
"""Python's functions that do nothing but give a value; below, methods that do so."""
QUIET_METHODS = (
    {"all", "any", "argmax", "argmin", "argsort", "astype", "copy", "count", "get", "index"}
    | {"items", "keys", "max", "min", "nonzero", "ravel", "repeat", "reshape", "startswith"}
    | {"endswith", "sum", "swapaxes", "tobytes", "tolist", "transpose", "values"}
)
LOUD = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}
"""Functions of numpy that change what they are given."""
CLOSED = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def specialised(definitions: Sequence[str], main: str, sentences: Mapping[str, str]) -> list[str]:
    """The definitions that `solve_task` needs, as it uses them, and it as the last one.

    `sentences` say for some functions what they do with the arguments that they get.
    """
    program = Program([*definitions, main])
    program.specialise()
    program.inline()
    program.give_back()
    return program.written(sentences)


class Calls(NamedTuple):
    """The names in a function, its calls of other functions, and those that it names otherwise."""

    names: Names
    calls: dict[str, list[ast.Call]]
    passed: set[str]


class Program:
    """A program's definitions as syntax trees, with the text of those that did not change."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Each text is a function or an assignment; the last one is `solve_task`."""
        nodes = [ast.parse(text).body[0] for text in texts]
        self.nodes = {name_of(node): node for node in nodes}
        self.texts = dict(zip(self.nodes, texts, strict=True))
        self.functions = {
            name: node for name, node in self.nodes.items() if isinstance(node, ast.FunctionDef)
        }
        self.tables = {
            name: node.value
            for name, node in self.nodes.items()
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        }
        self.before = [ast.unparse(one) for one in self.functions[MAIN].body]
        self.changed, self.arguments = set[str](), dict[str, dict[str, ast.expr]]()
        self.seen, self.quiet = dict[str, Calls](), dict[str, bool]()
        self.given_back = set[str]()
        self.strange = {name for name, node in self.functions.items() if is_strange(node)}

    def specialise(self) -> None:
        """Work arguments that never vary into the functions until none is left."""
        is_new = True
        while is_new:
            names = [name for name in reversed(self.reached()) if name != MAIN]
            is_new = sum(map(self._specialise, names)) > 0

    def _calls(self, name: str) -> Calls:
        """What a function calls or names."""
        if name not in self.seen:
            names, calls = names_in(self.functions[name]), dict[str, list[ast.Call]]()
            named = {one for one in names.read if one in self.functions and one not in names.bound}
            inner = Counter[str]()
            for one in walked(self.functions[name]):
                if isinstance(one, ast.Call) and getattr(one.func, "id", "") in named:
                    calls.setdefault(one.func.id, []).append(one)  # type: ignore[attr-defined]
                if isinstance(one, CLOSED):
                    inner += names_in(one).bound
            others = {one for one in named if names.read[one] != len(calls.get(one, ()))}
            others |= {one for one in names.read if 0 < names.bound[one] <= inner[one]}
            others &= set(self.functions)
            self.seen[name] = Calls(names, calls, others)
        return self.seen[name]

    def reached(self) -> list[str]:
        """The functions that `solve_task` calls or names, directly or not, and itself."""
        found, waiting = set[str](), [MAIN]
        while waiting:
            if (name := waiting.pop()) not in found:
                found.add(name)
                called = self._calls(name)
                waiting += [*called.calls, *called.passed]
        return [name for name in self.functions if name in found]

    def callers(self, name: str) -> dict[str, list[ast.Call]] | None:
        """The calls of a function by caller; None if it may be called in a way unknown."""
        found = {one: self._calls(one) for one in self.reached()}
        calls = {one: seen.calls[name] for one, seen in found.items() if name in seen.calls}
        is_passed_on = any(name in seen.passed for seen in found.values())
        if not calls or is_passed_on or self.strange & {name, *calls}:
            return None
        most = len(parameters(self.functions[name]))
        least = most - len(self.functions[name].args.defaults)
        each = [call for those in calls.values() for call in those]
        return calls if all(is_plain(one, least, most) for one in each) else None

    def _specialise(self, name: str) -> bool:
        """Work the arguments of one function that never vary into it; False if there are none."""
        function = self.functions[name]
        if (callers := self.callers(name)) is None:
            return False
        (bound, read, _), names = self._calls(name).names, parameters(function)
        same, unread = dict[str, ast.expr](), set[str]()
        calls = [call for those in callers.values() for call in those]
        for place, parameter in enumerate(names):
            values = [
                argument_at(function, call, place)
                for call in calls
                if not passes_on(call, place, parameter, callers.get(name, ()))
            ]
            is_one = len({ast.dump(one) for one in values}) == 1
            if not values:
                continue
            if bound[parameter] == 1 and not read[parameter] and all(map(self.is_quiet, values)):
                unread.add(parameter)
            elif bound[parameter] == 1 and is_one and self._is_fixed(values[0], [name, *callers]):
                same[parameter] = values[0]
        if not same and not unread:
            return False
        kept = [place for place, one in enumerate(names) if one not in same and one not in unread]
        given = function.args
        first = len(names) - len(given.defaults)
        given.defaults = [given.defaults[place - first] for place in kept if place >= first]
        given.args = [given.args[place] for place in kept]
        for call in calls:
            call.args = [call.args[place] for place in kept if place < len(call.args)]
        for caller in callers:
            self._is_changed(caller)
        self.arguments.setdefault(name, {}).update(same)
        self._tidy(name, same)
        return True

    def _is_fixed(self, value: ast.expr, among: Collection[str]) -> bool:
        """Whether an argument is a literal, or a function that no local name hides."""
        if not isinstance(value, ast.Name):
            return is_literal(value)
        hidden = any(value.id in self._calls(one).names.bound for one in among)
        return value.id in self.functions and not hidden

    def _is_changed(self, name: str) -> None:
        self.changed.add(name)
        self.seen.pop(name, None)

    def _tidy(self, name: str, values: Mapping[str, ast.expr]) -> None:
        """Put the values into a function and fold what they decide."""
        tidied(self.functions[name], values, self.tables, self.is_quiet)
        self._is_changed(name)

    def is_quiet(self, expression: ast.AST) -> bool:
        """Whether it is known that an expression does nothing but give its value."""
        for node in walked(expression):
            if isinstance(node, (*STRANGE_TOO, ast.NamedExpr)):
                return False
            if isinstance(node, ast.Name) and node.id in self.functions:
                if not self._is_quiet_function(node.id):
                    return False
            elif isinstance(node, ast.Call) and not self._is_quiet_call(node.func):
                return False
        return True

    def _is_quiet_call(self, called: ast.expr) -> bool:
        """Whether what is called is known to change nothing; functions are looked at apart."""
        if not isinstance(called, ast.Attribute):
            return isinstance(called, ast.Name) and called.id in {*QUIET, *self.functions}
        is_numpy = isinstance(called.value, ast.Name) and called.value.id == "np"
        return called.attr not in LOUD if is_numpy else called.attr in QUIET_METHODS

    def _is_quiet_function(self, name: str) -> bool:
        """Whether a function is known to change nothing that it is given."""
        if name not in self.quiet:
            stores = (ast.Subscript, ast.Attribute)
            function = self.functions[name]
            nodes = [one for one in walked(function) if isinstance(one, stores)]
            self.quiet[name] = False  # while it is looked at, should it call itself
            self.quiet[name] = (name in REGISTRY or name in REMEMBERED) or (
                all(isinstance(one.ctx, ast.Load) for one in nodes)
                and all(map(self.is_quiet, function.body))
            )
        return self.quiet[name]

    def inline(self) -> None:
        """Write functions that come down to one short expression where they are called."""
        for name in self.reached():
            inlining = Inlining(self, name)
            inlining.visit(self.functions[name])
            if inlining.hits and name != MAIN:
                self._tidy(name, {})
            elif inlining.hits:
                self._is_changed(name)

    def give_back(self) -> None:
        """Let steps that do not apply give the picture that they get; so the program goes on."""
        steps = [one for one in self.functions[MAIN].body if isinstance(one, ast.Assign)]
        whole = {id(one.value) for one in steps if ast.unparse(one.targets[0]) == "picture"}
        for name in self.reached():
            callers = self.callers(name) if name != MAIN else None
            if callers is None or set(callers) != {MAIN}:
                continue
            given = {ast.unparse(call.args[0]) if call.args else "" for call in callers[MAIN]}
            is_step = all(id(call) in whole for call in callers[MAIN])
            if is_step and given <= {"grid", "picture"} and GivingBack(self.functions[name]).hits:
                self.given_back.add(name)
                self._is_changed(name)

    def expression_of(
        self, call: ast.Call, name: str, caller: str, is_whole: bool
    ) -> ast.expr | None:
        """What a call comes down to; None if it is no short expression."""
        callers, function = self.callers(name), self.functions[name]
        names = parameters(function)
        if callers is None or not all(self._calls(name).names.bound[one] == 1 for one in names):
            return None
        values = {one: argument_at(function, call, place) for place, one in enumerate(names)}
        fixed = {
            one: value for one, value in values.items() if self._is_fixed(value, [name, caller])
        }
        if fixed and len(function.body) < 16:
            function = copied(function)
            tidied(function, fixed, self.tables, self.is_quiet)
        *before, last = function.body[has_docstring(function) :]
        if before or not isinstance(last, ast.Return) or last.value is None:
            return None
        expression = copied(last.value)
        if is_whole and caller == MAIN and is_guarded(expression):
            expression = expression.body
        rest = {one: value for one, value in values.items() if one not in fixed}
        if not self._fits(expression, rest, self._calls(caller).names.bound):
            return None
        expression = Folding(rest, {}).visit(expression)
        length, times = len(ast.unparse(expression)), sum(map(len, callers.values()))
        limit = SHORT if times == 1 or name in self.arguments else SHORTEST
        is_nested = any(isinstance(one, (*CLOSED, ast.IfExp)) for one in walked(expression))
        return expression if length <= limit and (not is_nested or (is_whole and fixed)) else None

    def _fits(
        self, expression: ast.expr, values: Mapping[str, ast.expr], local: Collection[str]
    ) -> bool:
        """Whether the values may take the places of their names, and the whole that of a call."""
        bound, read, _ = names_in(expression)
        inner = set(bound)
        is_closed = any(isinstance(one, (*CLOSED, ast.NamedExpr)) for one in walked(expression))
        for name, value in values.items():
            if inner & {name, *names_in(value).read}:
                return False
            if not isinstance(value, ast.Name) and (read[name] != 1 or is_closed):
                return False
        return not (set(read) - set(values) - inner) & set(local)

    def written(self, sentences: Mapping[str, str]) -> list[str]:
        """The text of each definition that is needed, in order."""
        kept = set(self.reached())
        used = {name for one in kept for name in self._calls(one).names.read}
        texts = []
        for name, node in self.nodes.items():
            if name == MAIN:
                texts.append(self._main_text())
            elif name in self.changed and name in kept:
                sentence = sentences.get(name) if name in self.arguments else None
                if sentence is None and name in self.given_back:
                    sentence = given_back(ast.get_docstring(self.functions[name]) or "")
                texts.append(
                    function_text(
                        self.functions[name],
                        self.texts[name],
                        sentence,
                        self.arguments.get(name, {}),
                    )
                )
            elif name in (kept if isinstance(node, ast.FunctionDef) else used):
                texts.append(self.texts[name])
        return texts

    def _main_text(self) -> str:
        """The text of `solve_task`: new lines for the statements that changed."""
        lines = self.texts[MAIN].split("\n")
        for old, node in reversed([*zip(self.before, self.functions[MAIN].body, strict=True)]):
            long = any(len(one) > WIDTH for one in lines[node.lineno - 1 : node.end_lineno])
            if (new := ast.unparse(node)) != old or (long and not is_text(node)):
                lines[node.lineno - 1 : node.end_lineno] = wrapped(f"    {new}")
        return "\n".join(lines)


class Inlining(ast.NodeTransformer):
    """Puts expressions in the place of calls in one function."""

    def __init__(self, program: Program, caller: str) -> None:
        """`caller` is the function's name."""
        self.program, self.caller, self.hits = program, caller, 0
        self.whole: ast.expr | None = None
        self.names = set(program._calls(caller).calls)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """A call may be all that is assigned."""
        self.whole = node.value
        return self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """A call may be all that is returned."""
        self.whole = node.value
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """What the call comes down to."""
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in self.names:
            return node
        made = self.program.expression_of(node, name, self.caller, node is self.whole)
        self.hits += made is not None
        return node if made is None else made


def name_of(node: ast.stmt) -> str:
    """What a definition defines."""
    if isinstance(node, ast.FunctionDef):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    if not isinstance(target, ast.Name):
        raise TypeError("a program has functions and assignments to one name only")
    return target.id


def is_strange(function: ast.FunctionDef) -> bool:
    """Whether a function holds what is not understood here."""
    rest = function.args
    if rest.posonlyargs or rest.kwonlyargs or rest.vararg or rest.kwarg:
        return True
    inner = (one for one in walked(function) if one is not function)
    return any(isinstance(one, (*STRANGE, *STRANGE_TOO, ast.FunctionDef)) for one in inner)


def is_guarded(expression: ast.expr) -> bool:
    """Whether it is None unless something holds; then the program could not go on."""
    if not isinstance(expression, ast.IfExp) or not isinstance(expression.orelse, ast.Constant):
        return False
    return expression.orelse.value is None
