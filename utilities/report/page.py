"""Puts the page together: figures by Jinja2, what is drawn on demand as JSON, style and script."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from utilities.command_line.terminal import printable
from utilities.files.json_files import stem_of
from utilities.report.contents import ReportContents, as_json
from utilities.report.figures import (
    OUTCOMES,
    RunFigures,
    duration,
    percent,
    run_figures,
    usd,
)
from utilities.report.leading import first_answer
from utilities.scoring.comparison import (
    PairedDifference,
    RunRow,
    detectable,
    differences,
    row_of,
    rows_of_shared_tasks,
)
from utilities.scoring.scored_run import ScoredRun

LIVE_SCRIPTS = ("elements", "live")
"""Those of the page that follows runs."""
SCRIPTS = ("elements", "grids", "code", "figures", "table", "task", "start")
"""The parts of the page's script, in their order."""
_MOST_CARDS = 4
"""Runs that have a card each; more stand in one table, and their cards behind it."""


def page_of(contents: ReportContents, *, built_at: str) -> Iterator[bytes]:
    """The page's bytes, part by part; nothing in it is fetched from anywhere."""
    runs = figures_of(contents)
    scored = [run.scored for run in contents.runs]
    letters = [run.letter for run in runs]
    shared, pairs = rows_of_shared_tasks(scored, letters), differences(scored, letters)
    style, script = _part("report.css"), _script()
    frame = _rendered(
        "report.html",
        runs=runs,
        first=first_answer(scored, runs, shared, pairs),
        standings=_standings(runs, shared) if len(runs) > _MOST_CARDS else [],
        shared=shared[0].scores.tasks if shared else 0,
        contents=contents,
        built_at=built_at,
        outcomes=OUTCOMES,
        style=style,
        script=script,
        policy=_policy(style, script),
    )
    # The script stands before the blocks: the table is there while a large page is still read.
    before, script_part, after = re.split("<!-- (?:index|blocks) -->", frame)
    yield before.encode()
    yield _block("index", as_json(_index(contents, runs, shared, pairs)))
    yield script_part.encode()
    for name, content in (contents.blocks | contents.replies.blocks).items():
        yield _block(name, content)
    yield after.encode()


def live_page() -> bytes:
    """The page that follows runs; it asks its own server alone."""
    style, script = _part("report.css"), _script(LIVE_SCRIPTS)
    policy = _policy(style, script)
    return _rendered("live.html", style=style, script=script, policy=policy).encode()


def figures_of(contents: ReportContents) -> list[RunFigures]:
    """Each run's figures under a letter, and a name that no other run has."""
    runs, places = contents.runs, range(len(contents.runs))
    letters = [_letters(at) for at in places]
    scored = [run.scored for run in contents.runs]
    names = [f"{run.model_identifier} · {_stem(run.paths[0].name)}" for run in scored]
    names = _told_apart(names, [run.paths[0].absolute().parent.name for run in scored])
    names = _told_apart(names, [stem_of(Path(run.dataset).name) for run in scored])
    names = _told_apart(names, [run.configuration_key[:6] for run in scored])
    names = _told_apart(names, letters)
    return [run_figures(runs[at], letters[at], printable(names[at])) for at in places]


def _told_apart(names: list[str], more: list[str]) -> list[str]:
    """The names; several that are equal with more words, if those differ."""
    both = list(zip(names, more, strict=True))
    words_of = {name: {words for other, words in both if other == name} for name in names}
    return [
        f"{name} · {words}" if len(words_of[name]) > 1 and words else name for name, words in both
    ]


def _stem(name: str) -> str:
    plain = stem_of(name)
    return plain.replace("_results", "") or plain


def _letters(place: int) -> str:
    """A, B, … Z, AA, AB, …: no digits, since a sample's number follows in addresses."""
    rounds, letter = divmod(place, 26)
    return (_letters(rounds - 1) if rounds else "") + chr(ord("A") + letter)


def _standings(
    runs: Sequence[RunFigures], shared: Sequence[RunRow]
) -> list[tuple[RunFigures, RunRow | None]]:
    """The runs, best first: by their scores on the tasks that all answered, if there are any."""
    rows: Sequence[RunRow | None] = shared or [None] * len(runs)
    both = list(zip(runs, rows, strict=True))
    return sorted(both, key=lambda one: -(one[1].scores.macro if one[1] else one[0].score))


def _best_two(rows: Sequence[RunRow], runs: int) -> list[int]:
    """Which runs stand side by side at first: of more than two the leader and the next."""
    if runs < 3 or not rows:
        return [0, min(1, runs - 1)]
    return sorted(range(runs), key=lambda at: -rows[at].scores.macro)[:2]


def _index(
    contents: ReportContents,
    runs: list[RunFigures],
    shared: Sequence[RunRow],
    pairs: Sequence[PairedDifference],
) -> dict[str, Any]:
    return {
        "runs": [asdict(run) for run in runs],
        "outcomes": OUTCOMES,
        "beside": _best_two(shared, len(runs)),
        "with_replies": contents.replies.most_bytes > 0,
        "plot": _plot([run.scored for run in contents.runs], [run.letter for run in runs], shared),
        "pairs": {
            f"{one.first} {one.second}": asdict(one) | {"detectable": detectable(one.tasks)}
            for one in pairs
        },
        "tasks": [
            asdict(task) | {"results": [run.results.get(number) for run in contents.runs]}
            for number, task in enumerate(contents.tasks)
        ],
    }


def _plot(runs: list[ScoredRun], letters: list[str], shared: Sequence[RunRow]) -> dict[str, Any]:
    """Each run's score and means on the tasks that all answered; on its own if there are none."""
    rows = shared or [row_of(run, letter) for run, letter in zip(runs, letters, strict=True)]
    return {
        "tasks": shared[0].scores.tasks if shared else 0,
        "rows": [
            asdict(row.means)
            | dict(zip(("low", "high"), row.scores.interval("macro"), strict=True))
            for row in rows
        ],
    }


def _block(name: str, content: bytes) -> bytes:
    return b'<script type="application/json" id="%s">%s</script>\n' % (name.encode(), content)


def _policy(style: str, script: str) -> str:
    """Only this style and this script may act; the page may load nothing and send nothing."""
    return (
        f"default-src 'none'; script-src {_hash_of(script)}; style-src {_hash_of(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash_of(content: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _script(names: Sequence[str] = SCRIPTS) -> str:
    parts = "\n".join(_part(f"{name}.js") for name in names)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _part(name: str) -> str:
    return files("utilities.report").joinpath("templates", name).read_text(encoding="utf-8")


def _rendered(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("utilities.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "printable": printable,
        "usd": usd,
        "percent": percent,
        "duration": duration,
    }
    return environment.get_template(template).render(**values)
