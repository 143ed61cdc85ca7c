"""Options are declared once: read, checked, explained, kept, and taken from an earlier run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from utilities.command_line.options import (
    Options,
    argument,
    declared_options,
    flag,
    option,
    parse_options,
    part,
)
from utilities.command_line.words import comma_list, json_object, price
from utilities.errors import UsageError
from utilities.runs.options import AskingOptions


@dataclass(frozen=True, kw_only=True)
class Limits(Options):
    least: int = option("at least so many", "N", default=1, group="limits")
    most: int | None = option("at most so many", "N", group="limits")

    def fault(self) -> str | None:
        too_few = self.most is not None and self.most < self.least
        return "--most is less than --least" if too_few else None


@dataclass(frozen=True, kw_only=True)
class Example(Options):
    results: tuple[Path, ...] = argument("files to read", "RESULTS")
    limits: Limits = part(Limits)
    mode: Literal["strict", "batch"] = option("how to run", default="strict")
    wait_s: float = option("seconds to wait", "S", default=2.5)
    data: tuple[Path, ...] = option("more files", "PATH", default=())
    names: tuple[str, ...] = option("names", "LIST", parse=comma_list, default=("ok",))
    price: tuple[float, float] | None = option("USD", "IN,OUT", parse=price)
    quiet: bool = flag("say little", exclusive="loudness")
    verbose: bool = flag("say much", exclusive="loudness")
    note: str = "not on the command line"


def parsed(*words: str, **earlier: object) -> Example:
    return parse_options(Example, "What it does.", words=words, earlier=earlier)


def complaint(capsys: pytest.CaptureFixture[str], *words: str, **earlier: object) -> str:
    with pytest.raises(SystemExit) as exit_:
        parsed(*words, **earlier)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_a_word_is_read_as_the_type_of_its_field_says() -> None:
    found = parsed("a", "b", "--most", "7", "--mode", "batch", "--wait_s", "0.5", "--quiet")
    assert found.results == (Path("a"), Path("b"))
    assert (found.limits.most, found.mode, found.wait_s) == (7, "batch", 0.5)
    assert (found.quiet, found.verbose) == (True, False)


def test_what_is_not_given_has_the_default_of_its_field() -> None:
    assert parsed("a") == Example(results=(Path("a"),))


def test_an_option_with_several_words_may_be_repeated() -> None:
    assert parsed("a", "--data", "b", "c", "--data", "d").data == tuple(map(Path, "bcd"))


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["--most", "0"], "argument --most: '0' is not a whole number from 1"),
        (["--wait_s", "inf"], "argument --wait_s: 'inf' is not a number of at least 0"),
        (["--wait_s", "0"], "argument --wait_s: '0' is not a number above 0"),
        (["--mode", "fast"], "argument --mode: invalid choice: 'fast'"),
        (["--quiet", "--verbose"], "argument --verbose: not allowed with argument --quiet"),
        (["--least", "3", "--most", "2"], "--most is less than --least"),
        (["--leest", "3"], "unknown argument --leest; did you mean --least?"),
        (["--data", "\udcff"], "not UTF-8"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str], wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wrong in complaint(capsys, "a", *words)


def test_a_missing_argument_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: RESULTS" in complaint(capsys)


def test_the_help_has_usage_headings_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--help")
    shown = capsys.readouterr().out
    assert "RESULTS [RESULTS ...] [options]" in shown
    assert "What it does." in shown
    assert "limits:\n  --least N" in shown
    assert "at least so many (default: 1)" in shown
    assert "how to run (default: strict)" in shown
    assert "(default: 2.5)" in shown
    assert "note" not in shown


def test_options_come_back_from_what_the_metadata_kept() -> None:
    words = ["a", "--most", "7", "--data", "b", "c", "--price", "1,10", "--quiet"]
    kept = parsed(*words).to_json()
    assert kept["data"] == ["b", "c"]
    assert kept["most"] == 7
    del kept["results"]
    assert parsed("a", **kept) == parsed(*words)


def test_what_is_given_counts_more_than_what_was_kept() -> None:
    found = parsed("a", "--data", "d", data=["b", "c"], least=3, unknown=1)
    assert (found.data, found.limits.least) == ((Path("d"),), 3)


def test_a_kept_option_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "argument --price of the earlier run" in complaint(capsys, "a", price="1")


def test_every_option_of_a_class_and_its_parts_can_be_listed() -> None:
    names = [one.name for one in declared_options(Example)]
    assert names[:4] == ["results", "least", "most", "mode"]
    assert "note" not in names


def test_defaults_of_the_asking_scripts_are_those_of_the_documentation() -> None:
    chosen = parse_options(AskingOptions, None, words=[])
    assert (chosen.best_of, chosen.max_concurrent_tasks, chosen.save_interval) == (1, 5, 10)
    assert chosen.model_identifier is None
    assert chosen.max_cost_usd is None


@pytest.mark.parametrize("text", ["1,10", "0.25, 1.5"])
def test_a_price_is_two_numbers(text: str) -> None:
    assert len(price(text)) == 2


@pytest.mark.parametrize("text", ["1", "a,b", "1,2,3", "-1,2"])
def test_anything_else_is_no_price(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        price(text)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "is no JSON"),
        ("top_k=20", "is no JSON"),
        ("[1]", "is no JSON object"),
        ('{"a": NaN}', "is no JSON"),
        ('{"a": 1e999}', "is no JSON"),
        ('{"a": "\\ud800"}', "is no JSON"),
        ("{" + '"a":{' * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_json_object_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=wrong):
        json_object(text)


def test_a_json_object_is_read() -> None:
    assert json_object('{"top_k": 20, "a": {"b": [null]}}') == {"top_k": 20, "a": {"b": [None]}}


CONFIG = """
results = ["a", "b"]
most = 7
mode = "batch"
wait_s = 1
data = ["c", "d"]
names = ["x", "y"]
price = [1, 2.5]
verbose = true
quiet = false
"""


def test_a_file_gives_options_by_name_and_a_list_for_several(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(CONFIG)
    assert parsed("--config", str(tmp_path / "run.toml")) == Example(
        results=(Path("a"), Path("b")),
        limits=Limits(most=7),
        mode="batch",
        wait_s=1.0,
        data=(Path("c"), Path("d")),
        names=("x", "y"),
        price=(1.0, 2.5),
        verbose=True,
    )


def test_the_command_line_wins_over_the_file_and_the_file_over_an_earlier_run(
    tmp_path: Path,
) -> None:
    (tmp_path / "run.toml").write_text(CONFIG)
    config = f"--config={tmp_path / 'run.toml'}"
    found = parsed("z", "--most", "3", config, "--quiet", wait_s=9.0, least=2, mode="strict")
    assert found.results == (Path("z"),)
    assert (found.limits.most, found.limits.least) == (3, 2)
    assert (found.wait_s, found.mode) == (1.0, "batch")
    assert (found.quiet, found.verbose) == (True, False), "they exclude each other"


def test_what_came_of_the_file_is_kept_as_options_are(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(CONFIG)
    assert parsed("--config", str(tmp_path / "run.toml")).to_json()["price"] == [1.0, 2.5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("wiat_s = 1", "no option 'wiat_s'; did you mean wait_s?"),
        ("zzzzzzz = 1", "no option 'zzzzzzz'; it may have results, least"),
        ("note = 'x'", "no option 'note'"),
        ("config = 'x'", "no option 'config'"),
        ("a = [", "it is no TOML"),
        ("\x00", "it is no TOML"),
        ("a = " + "[" * 9000, "it is no TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_of_use(
    content: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        parsed("a", "--config", str(tmp_path / "run.toml"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_an_error_of_use(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it cannot be read"):
        parsed("a", "--config", str(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("most = 0", "run.toml: most: '0' is not a whole number"),
        ("most = 2.5", "run.toml: most: '2.5' is not a whole number"),
        ("most = true", "run.toml: most: True is no value of it"),
        ("quiet = 1", "run.toml: quiet: 1 is no value of it"),
        ("wait_s = nan", "run.toml: wait_s: 'nan' is not a number"),
        ("mode = 'fast'", "run.toml: mode: 'fast' is none of strict, batch"),
        ("mode = { a = 1 }", "run.toml: mode: it takes no table"),
        ("price = [1]", "run.toml: price: '1' is not IN,OUT"),
        ("quiet = true\nverbose = true", "run.toml: verbose: not allowed beside quiet"),
        ("least = 3\nmost = 2", "--most is less than --least"),
    ],
)
def test_a_value_that_the_option_does_not_take_is_one_line(
    content: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.toml").write_text(content)
    assert words in complaint(capsys, "a", "--config", str(tmp_path / "run.toml"))


def test_a_table_is_an_option_that_takes_json(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[extra_body]\ntop_k = 20\n")
    config = ("--config", str(tmp_path / "run.toml"))
    found = parse_options(AskingOptions, "What it does.", words=config)
    assert found.extra_body == {"top_k": 20}
