"""The door for export formats: a decorated function is a format, chosen by --format."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.scripts import REPOSITORY, clean_environment
from tests.support.training_results import RIGHT, entry, mirror_task, write
from utilities.training_data.rows import FORMATS

(EXAMPLE,) = re.findall(
    r"```python\n(@row_format.*?)```", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.DOTALL
)
MINE = f"""
from utilities.training_data.rows import row_format
from utilities.training_data.row_parts import Parts, Row

{EXAMPLE}

import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""What somebody would add to rows.py, and then the script itself."""


def export(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = REPOSITORY / "auxiliary_utilities" / "export_training_data.py"
    return subprocess.run(
        [sys.executable, "-c", MINE, str(script), *words],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )


def test_a_format_is_one_decorated_function(tmp_path: Path) -> None:
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), [RIGHT]))
    done = export(tmp_path, str(results), "--format", "alpaca", "--output", "rows.jsonl")
    assert done.returncode == 0, done.stderr
    (row,) = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert row.startswith('{"instruction":"Find the rule."')
    assert "def solve_task" in row


def test_a_new_format_stands_in_the_help_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    assert (
        "  alpaca               `instruction` and `output`\n" in export(tmp_path, "--help").stdout
    )
    done = export(tmp_path, "results.jsonl", "--format", "no_such", "--output", "rows.jsonl")
    assert done.returncode == 2
    assert "no_such" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_page_has_the_registered_formats_and_their_descriptions() -> None:
    page = (REPOSITORY / "auxiliary_utilities" / "readme.md").read_text()
    rows = [f"| `{name}` | {form.description} |\n" for name, form in FORMATS.items()]
    assert f"| `--format` | a row |\n|---|---|\n{''.join(rows)}\n" in page
