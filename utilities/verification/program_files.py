"""Programs that lie in a folder, one file a task, as entries of a results file."""

from collections.abc import Iterator
from pathlib import Path

from utilities.errors import UsageError
from utilities.files.hashing import file_sha256, files_sha256
from utilities.files.json_files import reported_reading
from utilities.results.reader import Fields as Entry
from utilities.tasks.datasets import TaskSource


def program_files(directory: Path) -> list[Path]:
    """The programs of a folder (`00d62c1b.py`), by name; raises UsageError if there is none."""
    with reported_reading(directory):
        found = sorted(path for path in directory.iterdir() if path.suffix == ".py")
    if not found:
        raise UsageError(f"{directory} holds no program; name the files by task: 00d62c1b.py")
    return found


def entries_of_programs(files: list[Path], tasks: TaskSource) -> Iterator[Entry]:
    """An entry with one sample for each file, in the order of the tasks.

    Tasks without a file are passed over. A file that is no text, or whose name is no task's,
    comes with the reason as `not_judged`. Raises UsageError if a file cannot be read.
    """
    left = {path.stem: path for path in files}
    for task in tasks:
        if path := left.pop(task.task_id, None):
            yield {**_entry(path), "task_data": task.to_json()}
        if not left:
            return
    for path in left.values():
        yield {**_entry(path), "not_judged": f"{path}: no task {path.stem} in {tasks.path}"}


def source_hash(source: Path) -> str:
    """SHA-256 of a file's bytes; of a folder's programs, of their names and hashes."""
    with reported_reading(source):
        if source.is_dir():
            return files_sha256(program_files(source))
        return file_sha256(source)


def _entry(path: Path) -> Entry:
    entry = {"entry_type": "result", "task_id": path.stem, "program_file": [path.name]}
    with reported_reading(path):
        content = path.read_bytes()
    try:
        return {**entry, "python_code": [content.decode("utf-8-sig")], "status": ["ok"]}
    except UnicodeDecodeError:
        reason = f"{path} is no UTF-8 text; convert it"
        return {**entry, "python_code": None, "status": ["no_code"], "not_judged": reason}
