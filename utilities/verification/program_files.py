"""A folder of programs that others wrote, one a task: read as Python reads them, made to run alone.

What is stored of a program is what runs, here and wherever it is run again. So whatever a program
needs besides its own text is written into that text: the modules that lie beside it, another name
for its function, and the form in which it takes grids.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from utilities.errors import UsageError
from utilities.files.json_files import reported_reading
from utilities.results.program_tables import program_entries
from utilities.results.reader import Fields as Entry
from utilities.sandbox.preparation import PACKAGES
from utilities.sandbox.program import ENTRY_POINTS
from utilities.sandbox.python_source import (
    Unparsable,
    bindings,
    entry_point_of,
    only_function_of,
    parse_python,
)
from utilities.tasks.datasets import TaskSource
from utilities.verification.shared_modules import imported_names, with_modules

OTHER_FORMS = "other_forms"
"""Field of an entry that waits to be judged: for each further form of grids, the program's text."""
_ASKED_FOR = ENTRY_POINTS[0]
_TAKING = {
    "list": "grid",
    "array": '__import__("numpy").array(grid)',
    "tuple": "tuple(map(tuple, grid))",
}
"""Form in which a program takes a grid → the expression that makes it of lists."""
_ANNOTATIONS = {
    "array": re.compile(r"['\"]?(?:\w+\.)*(?:ndarray|NDArray)\b"),
    "tuple": re.compile(r"['\"]?(?:typing\.)?[Tt]uple\b"),
    "list": re.compile(r"['\"]?(?:typing\.)?[Ll]ist\b"),
}
UNREADABLE = (ValueError, LookupError, SyntaxError)
"""What `source_text` raises about a file that Python cannot read."""
_NO_CHARACTER_SETS = {"idna", "punycode"}
"""Encodings of names, which take quadratic time."""


def program_files(directory: Path) -> list[Path]:
    """The programs of a folder (`00d62c1b.py`), by name; raises UsageError if there is none."""
    with reported_reading(directory):
        found = sorted(path for path in directory.iterdir() if path.suffix == ".py")
    if not found:
        raise UsageError(f"{directory} holds no program; name the files by task: 00d62c1b.py")
    return found


def entries_of_programs(files: Sequence[Path], tasks: TaskSource) -> Iterator[Entry]:
    """An entry with one sample for each file, in the order of the tasks.

    Tasks without a file are passed over, and so are modules that programs import. A file that is
    no text, or that is named after no task, has the reason as `not_judged`. Raises UsageError if
    a file cannot be read.
    """
    folder = _Folder(files)
    left = {path.stem: path for path in files}
    for task in tasks:
        if path := left.pop(task.task_id, None):
            yield {**folder.entry(path), "task_data": task.to_json()}
        if not left:
            return
    for name, path in left.items():
        if name not in folder.imported:
            yield {**folder.entry(path), "not_judged": f"{path}: no task {name} in {tasks.path}"}


def entries_of_table(path: Path, tasks: TaskSource) -> Iterator[Entry]:
    """The entries of a table of programs (SOAR), with their tasks.

    One of a task that is not there has the reason as `not_judged`. Raises UsageError as
    `program_entries` does.
    """
    known = {task.task_id: task.to_json() for task in tasks}
    for entry in program_entries(path):
        task_id = entry["task_id"]
        if task_id in known:
            yield {**entry, "task_data": known[task_id]}
        else:
            yield {**entry, "not_judged": f"{path}: no task {task_id} in {tasks.path}"}


def source_text(content: bytes) -> str:
    """A source file's text as Python reads it: its encoding (PEP 263), its ends of lines.

    The text names UTF-8 as its encoding, in which it is stored from now on. Raises an exception
    of UNREADABLE if Python cannot read it.
    """
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    if encoding in _NO_CHARACTER_SETS:
        raise LookupError(f"no encoding of sources: {encoding}")
    text = content.decode(encoding)
    if encoding.startswith("utf-8"):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines[:2]):
        if found := tokenize.cookie_re.match(line):
            lines[number] = f"{line[: found.start(1)]}utf-8{line[found.end(1) :]}"
            break
    return "\n".join(lines)


class _Folder:
    """The files of a folder, each both a program and a module that the others may import."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = {
            path.stem: path
            for path in files
            if path.stem not in {*sys.stdlib_module_names, *PACKAGES}
        }
        self.imported: dict[str, tuple[str, set[str]] | None] = {}
        """Text of each module that a program imports, and what it imports; None: no text."""

    def entry(self, path: Path) -> Entry:
        """The entry of a program, without its task."""
        entry = {"entry_type": "result", "task_id": path.stem, "program_file": [path.name]}
        try:
            text = _text_of(path)
        except UNREADABLE as error:
            reason = f"{path} is no text that Python can read: {str(error)[:100]}"
            return {**entry, "python_code": None, "status": ["no_code"], "not_judged": reason}
        modules = self._modules(text)
        first, *others = _forms(text, path.stem, modules)
        entry |= {"python_code": [first[1]], "status": ["ok"], "takes_grids_as": [first[0]]}
        return {**entry, OTHER_FORMS: others} if others else entry

    def _modules(self, text: str) -> dict[str, str]:
        """Name and text of each module that a program imports, also by way of another."""
        found: dict[str, str] = {}
        waiting = [*imported_names(text)]
        while waiting:
            name = waiting.pop()
            if name in self._files and name not in found and (module := self._module(name)):
                found[name] = module[0]
                waiting += module[1]
        return dict(sorted(found.items()))

    def _module(self, name: str) -> tuple[str, set[str]] | None:
        if name not in self.imported:
            try:
                text = _text_of(self._files[name])
                self.imported[name] = text, imported_names(text)
            except UNREADABLE:  # the program will be told that there is no such module
                self.imported[name] = None
        return self.imported[name]


def _text_of(path: Path) -> str:
    with reported_reading(path):
        content = path.read_bytes()
    return source_text(content)


def _forms(text: str, task_id: str, modules: Mapping[str, str]) -> list[tuple[str, str]]:
    """The forms in which a program may take grids, likeliest first, and its text for each.

    If the first parameter of its function says the form, there is no other.
    """
    tree = parse_python(text)
    if isinstance(tree, Unparsable):
        return [("list", text)]
    found = dict(bindings(tree.body))
    entry = entry_point_of(tree)
    named = f"solve_{task_id}"
    if entry != _ASKED_FOR and named in found:
        entry = named
    entry = entry or only_function_of(tree)
    if entry is None:
        return [("list", with_modules(text, tree, modules))]
    form = _annotated_form(found.get(entry))
    forms = (form,) if form else tuple(_TAKING)
    return [(each, with_modules(_taking(each, text, tree, entry), tree, modules)) for each in forms]


def _annotated_form(function: ast.AST | None) -> str | None:
    """The form that a function's first parameter is annotated with, if it is one of the known."""
    if not isinstance(function, ast.FunctionDef):
        return None
    parameters = [*function.args.posonlyargs, *function.args.args]
    annotation = parameters[0].annotation if parameters else None
    told = ast.unparse(annotation) if annotation else ""
    return next((form for form, pattern in _ANNOTATIONS.items() if pattern.match(told)), None)


def _taking(form: str, text: str, tree: ast.Module, entry: str) -> str:
    """The program with a `solve_task` that calls its function with grids of the form.

    It stands behind what defines that function, before an example that may fail.
    """
    if form == "list" and entry in ENTRY_POINTS and entry == entry_point_of(tree):
        return text
    ends = [
        statement.end_lineno or 0
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef | ast.ClassDef)
        or any(name == entry for name, _ in bindings([statement]))
    ]
    lines = text.split("\n")
    end = max(ends, default=len(lines))
    given = f"grid, answer={entry}" if entry == _ASKED_FOR else "grid"
    called = "answer" if entry == _ASKED_FOR else entry
    added = ["", "", f"def {_ASKED_FOR}({given}):", f"    return {called}({_TAKING[form]})", ""]
    return "\n".join([*lines[:end], *added, *lines[end:]])
