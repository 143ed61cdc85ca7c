"""Folds what literals decide in syntax trees: branches, look-ups, tests. All else stays."""

import ast
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

Expressions: TypeAlias = Mapping[str, ast.expr]
COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
    ast.In: lambda value, those: value in those,
    ast.NotIn: lambda value, those: value not in those,
}
SUMS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
OF_NUMBERS: dict[str, Callable[[list[int]], int]] = {"max": max, "min": min, "int": sum}
TYPES = {"tuple": tuple, "str": str, "int": int}
MARKS = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)


def copied(node: Any) -> Any:
    """A copy of a syntax tree, without places in a text."""
    if isinstance(node, list):
        return [copied(one) for one in node]
    if not isinstance(node, ast.AST):
        return node
    new = type(node)(**{name: copied(value) for name, value in ast.iter_fields(node)})
    if isinstance(new, ast.stmt):
        new.lineno = 0
    return new


def names_itself(node: ast.AST) -> bool:
    """Whether a name gets a value within an expression."""
    return any(isinstance(one, ast.NamedExpr) for one in walked(node))


def is_literal(node: ast.AST | None) -> bool:
    """Whether it is a number, a text, a truth value, None or a tuple of those."""
    if isinstance(node, ast.Tuple):
        return all(map(is_literal, node.elts))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Constant)


def walked(tree: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, but for what only marks others (operators and contexts)."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting += [one for one in value if isinstance(one, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, MARKS):
                waiting.append(value)


class Names(NamedTuple):
    """How often each name gets a value (as a parameter, by an assignment, by a loop), is read,
    and is added to in place.
    """

    bound: Counter[str]
    read: Counter[str]
    added: Counter[str]


def names_in(tree: ast.AST) -> Names:
    """The names in a syntax tree."""
    bound, read, added = list[str](), list[str](), list[str]()
    for node in walked(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).append(node.id)
        elif isinstance(node, ast.arg):
            bound.append(node.arg)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            added.append(node.target.id)
    return Names(Counter(bound), Counter(read), Counter(added))


def literal(number: int) -> ast.expr:
    """The expression for a number."""
    return ast.parse(repr(number), mode="eval").body


def without_neutral(node: ast.BinOp) -> ast.expr:
    """An operation, or what it gives if one side is a 0, 1 or False that decides it."""
    left, right = (
        repr(side.value) if isinstance(side, ast.Constant) else ""
        for side in (node.left, node.right)
    )
    inner = node.left
    if (
        right
        and isinstance(inner, ast.BinOp)
        and {type(node.op), type(inner.op)} == {ast.Add, ast.Sub}
        and ast.dump(inner.right) == ast.dump(node.right)
    ):
        return inner.left
    if (type(node.op), right) in ((ast.Add, "0"), (ast.Sub, "0"), (ast.BitOr, "False")):
        return node.left
    if (type(node.op), left) in ((ast.Add, "0"), (ast.Mult, "1")):
        return node.right
    is_nothing = (type(node.op), left) == (ast.Mult, "0") and is_plain_value(node.right)
    return node.left if is_nothing else node


def is_plain_value(node: ast.expr) -> bool:
    """Whether an expression is made of names, attributes, items, comparisons and sums only."""
    calls = (ast.Call, ast.NamedExpr, ast.Await, ast.Starred)
    return not any(isinstance(one, calls) for one in walked(node))


def truth_of(test: ast.expr) -> ast.expr:
    """An expression that is true just if the test is, without operands that decide nothing."""
    if not isinstance(test, ast.BoolOp):
        return test
    decides, left = isinstance(test.op, ast.Or), list[ast.expr]()
    for one in map(truth_of, test.values):
        if not is_literal(one):
            left.append(one)
        elif bool(ast.literal_eval(one)) == decides:
            if all(map(is_plain_value, left)):
                return ast.Constant(decides)
            return ast.BoolOp(test.op, [*left, one])
    if not left:
        return ast.Constant(not decides)
    return left[0] if len(left) == 1 else ast.BoolOp(test.op, left)


def own_statements(loop: ast.For) -> Iterator[ast.AST]:
    """The statements of a loop, but for those in loops within it."""
    waiting = list[ast.AST](loop.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.For | ast.While) or node.orelse:
            waiting += ast.iter_child_nodes(node)


class Folding(ast.NodeTransformer):
    """Puts expressions in the place of names, and works out what is then decided."""

    def __init__(self, values: Expressions, tables: Mapping[str, ast.Dict]) -> None:
        """`tables` are names of dictionaries that do not change."""
        self.values, self.tables, self.hits = values, dict(tables), 0

    def _hit(self, node: Any) -> Any:
        self.hits += 1
        return node

    def _entries(self, node: ast.AST) -> dict[Any, ast.expr] | None:
        """The entries of a dictionary by key; None if it is none that is known."""
        if isinstance(node, ast.Name):
            node = self.tables.get(node.id, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            both = self._entries(node.left), self._entries(node.right)
            return None if None in both else {**both[0], **both[1]}  # type: ignore[dict-item]
        if (
            not isinstance(node, ast.Dict)
            or not all(map(is_literal, node.keys))
            or names_itself(node)
        ):
            return None
        keys = [ast.literal_eval(key) for key in node.keys if key is not None]
        return dict(zip(keys, node.values, strict=True))

    def visit_Name(self, node: ast.Name) -> Any:
        """The expression for a name."""
        if isinstance(node.ctx, ast.Load) and node.id in self.values:
            return self._hit(copied(self.values[node.id]))
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        """Whether a comparison of two literals holds."""
        self.generic_visit(node)
        compare, sides = COMPARISONS.get(type(node.ops[0])), [node.left, *node.comparators]
        if compare is None or len(sides) > 2 or not all(map(is_literal, sides)):
            return node
        values = [ast.literal_eval(side) for side in sides]
        is_order = isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
        is_within = isinstance(node.ops[0], ast.In | ast.NotIn)
        is_same = isinstance(node.ops[0], ast.Is | ast.IsNot)
        if is_order and not all(isinstance(value, int) for value in values):
            return node
        is_text = all(isinstance(value, str) for value in values)
        if (is_within and not (isinstance(values[1], tuple) or is_text)) or (
            is_same and None not in values
        ):
            return node
        return self._hit(ast.Constant(compare(*values)))

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """The sum, difference or product of two whole numbers; all without 0 or 1 that do nothing.

        `* 1` stays on the right: it makes numbers of truth values.
        """
        self.generic_visit(node)
        if (simpler := without_neutral(node)) is not node:
            return self._hit(simpler)
        sides = [node.left, node.right]
        if type(node.op) not in SUMS or not all(map(is_literal, sides)):
            return node
        one, other = map(ast.literal_eval, sides)
        if type(one) is not int or type(other) is not int:
            return node
        return self._hit(literal(SUMS[type(node.op)](one, other)))

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """The first operand that decides, or those that may."""
        self.generic_visit(node)
        decides, left = isinstance(node.op, ast.Or), list[ast.expr]()
        for place, one in enumerate(node.values):
            is_last = place == len(node.values) - 1
            if is_literal(one) and not is_last and bool(ast.literal_eval(one)) != decides:
                continue
            left.append(one)
            if is_literal(one) and bool(ast.literal_eval(one)) == decides:
                break
        if len(left) < len(node.values):
            return self._hit(left[0] if len(left) == 1 else ast.BoolOp(node.op, left))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """The denial of a literal."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and is_literal(node.operand):
            return self._hit(ast.Constant(not ast.literal_eval(node.operand)))
        return node

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """The one of two expressions that is chosen."""
        node.test = self._tested(node.test)
        if not is_literal(node.test):
            return self.generic_visit(node)
        return self._hit(self.visit(node.body if ast.literal_eval(node.test) else node.orelse))

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """The entry of a dictionary, or the item of a tuple or list."""
        self.generic_visit(node)
        if isinstance(node.value, ast.List) and isinstance(node.slice, ast.Slice):
            lower, upper, step = node.slice.lower, node.slice.upper, node.slice.step
            is_start = lower is None and step is None and all(map(is_literal, node.value.elts))
            if is_start and isinstance(upper, ast.Constant) and type(upper.value) is int:
                return self._hit(ast.List(node.value.elts[: upper.value], ast.Load()))
        if not isinstance(node.ctx, ast.Load) or not is_literal(node.slice):
            return node
        key = ast.literal_eval(node.slice)
        entries = self._entries(node.value)
        if entries is not None and key in entries:
            return self._hit(copied(entries[key]))
        if isinstance(node.value, ast.Tuple | ast.List) and type(key) is int:
            items = node.value.elts
            is_whole = not names_itself(node) and not any(isinstance(i, ast.Starred) for i in items)
            if -len(items) <= key < len(items) and is_whole:
                return self._hit(items[key])
        return node

    def visit_Slice(self, node: ast.Slice) -> Any:
        """A slice without a step of 1."""
        self.generic_visit(node)
        if isinstance(node.step, ast.Constant) and node.step.value == 1:
            return self._hit(ast.Slice(node.lower, node.upper))
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        """What `get` of a dictionary, a test of a text's ends or of a literal's type gives."""
        self.generic_visit(node)
        function, arguments = node.func, node.args
        if not arguments or node.keywords or not is_literal(arguments[0]):
            return node
        first = ast.literal_eval(arguments[0])
        if isinstance(function, ast.Attribute):
            if function.attr == "get" and (entries := self._entries(function.value)) is not None:
                last = arguments[1] if len(arguments) > 1 else ast.Constant(None)
                return self._hit(copied(entries.get(first, last)))
            text = function.value.value if isinstance(function.value, ast.Constant) else None
            is_end = function.attr in ("startswith", "endswith") and isinstance(first, str)
            if is_end and isinstance(text, str):
                return self._hit(ast.Constant(getattr(text, function.attr)(first)))
        if (
            isinstance(function, ast.Name)
            and function.id in OF_NUMBERS
            and all(map(is_literal, arguments))
        ):
            values = [ast.literal_eval(one) for one in arguments]
            is_whole = all(type(value) in (int, bool) for value in values)
            if is_whole and (len(values) > 1) != (function.id == "int"):
                return self._hit(literal(int(OF_NUMBERS[function.id](values))))
        is_test = isinstance(function, ast.Name) and function.id == "isinstance"
        if is_test and isinstance(arguments[1], ast.Name) and arguments[1].id in TYPES:
            return self._hit(ast.Constant(isinstance(first, TYPES[arguments[1].id])))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        """A loop without conditions that always hold."""
        self.generic_visit(node)
        node.ifs = list(map(self._tested, node.ifs))
        node.ifs = [one for one in node.ifs if not is_literal(one) or not ast.literal_eval(one)]
        return node

    def visit_While(self, node: ast.While) -> Any:
        """A loop whose condition has no part that always holds."""
        self.generic_visit(node)
        node.test = self._tested(node.test)
        return node

    def _tested(self, test: ast.expr) -> ast.expr:
        """A condition, of which only the truth counts, without operands that change nothing."""
        new = truth_of(self.visit(test))
        self.hits += ast.dump(new) != ast.dump(test)
        return new

    def visit_If(self, node: ast.If) -> Any:
        """The branch that is taken."""
        node.test = self._tested(node.test)
        if not is_literal(node.test):
            return self.generic_visit(node)
        taken = ast.Module(node.body if ast.literal_eval(node.test) else node.orelse, [])
        self.generic_visit(taken)
        return self._hit(taken.body)

    def visit_For(self, node: ast.For) -> Any:
        """What a loop over a single item does, without the loop."""
        self.generic_visit(node)
        leaps = any(isinstance(one, ast.Break | ast.Continue) for one in own_statements(node))
        if not isinstance(node.iter, ast.List | ast.Tuple) or len(node.iter.elts) != 1 or leaps:
            return node
        if node.orelse or isinstance(node.iter.elts[0], ast.Starred):
            return node
        return self._hit([ast.Assign([node.target], node.iter.elts[0], lineno=0), *node.body])
