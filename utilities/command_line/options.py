"""Options declared once: the fields of a frozen dataclass, read from the command line.

    @dataclass(frozen=True, kw_only=True)
    class ReportOptions(Options):
        results: tuple[Path, ...] = argument("RESULTS", "results files", parse=Path, several=True)
        output: Path | None = option("FILE", "where the page goes", parse=Path)
        strict: bool = flag("stop at the first fault")
        asking: AskingOptions = part(AskingOptions)

    options = parse_options(ReportOptions, __doc__)

A field's name is its option's name: `output` is given as `--output`. A part is another class of
options, which stand beside these on the command line.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from utilities.command_line.script import EXIT_USAGE

Parse = Callable[[str], Any]
"""Makes a value of the word that was given; raises argparse.ArgumentTypeError if it cannot."""
_T = TypeVar("_T", bound="Options")


@dataclass(frozen=True, slots=True)
class Declared:
    """One option, as its field declares it."""

    help: str
    settings: Mapping[str, Any]
    """What else `add_argument` is told."""
    parse: Parse = str
    group: str | None = None
    """Its heading in --help."""
    exclusive: str | None = None
    """Of the options with the same word here no more than one may be given."""
    is_positional: bool = False
    several: bool = False
    """Whether it takes one word or more; its value is then a tuple."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for; the base of every class of options."""

    def fault(self) -> str | None:
        """What is wrong with options that are each right, in one line."""
        return None

    def faults(self) -> Iterator[str]:
        """What is wrong with these options and with those of their parts."""
        for one in fields(self):
            if "part" in one.metadata:
                yield from getattr(self, one.name).faults()
        if (fault := self.fault()) is not None:
            yield fault

    def to_json(self) -> dict[str, Any]:
        """Every option by its name as the metadata keep it, with paths as text."""
        shown: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Options):
                shown |= value.to_json()
            elif "option" in one.metadata:
                shown[one.name] = _plain(value)
        return shown


def option(
    metavar: str | None,
    help: str,  # noqa: A002 - argparse's word
    *,
    parse: Parse = str,
    default: Any = None,
    choices: Sequence[str] | None = None,
    several: bool = False,
    required: bool = False,
    group: str | None = None,
) -> Any:
    """An option with a value, `--name METAVAR`; the help tells its default."""
    if required:
        default = MISSING
    elif several:
        default = ()
    settings: dict[str, Any] = {"metavar": metavar, "choices": choices, "required": required}
    if several:
        settings |= {"nargs": "+", "action": "extend"}
    declared = Declared(help, settings, parse=parse, group=group, several=several)
    return field(default=default, metadata={"option": declared})


def argument(
    metavar: str,
    help: str,  # noqa: A002
    *,
    parse: Parse = str,
    several: bool = False,
    required: bool = True,
) -> Any:
    """A value that is given without a name."""
    nargs = "+" if several else None if required else "?"
    settings = {"metavar": metavar, "nargs": nargs}
    declared = Declared(help, settings, parse=parse, is_positional=True, several=several)
    return field(default=MISSING if required else None, metadata={"option": declared})


def flag(help: str, *, group: str | None = None, exclusive: str | None = None) -> Any:  # noqa: A002
    """An option without a value, which is True if it is given."""
    declared = Declared(help, {"action": "store_true"}, group=group, exclusive=exclusive)
    return field(default=False, metadata={"option": declared})


def part(kind: type[Options]) -> Any:
    """The options of another class."""
    return field(default_factory=kind, metadata={"part": kind})


def results_argument(help: str) -> Any:  # noqa: A002
    """One or more results files."""
    return argument("RESULTS", help, parse=Path, several=True)


def unsafe_no_seccomp_flag(*, group: str | None = None) -> Any:
    """Whether the sandbox may do without its filter of system calls."""
    return flag(
        "run programs even if system calls cannot be filtered; only if you trust them", group=group
    )


def declared_options(kind: type[Options]) -> Iterator[tuple[str, Declared, Any]]:
    """The name of each option, what is declared of it, and its default (MISSING if required)."""
    for one in fields(kind):
        if "part" in one.metadata:
            yield from declared_options(one.metadata["part"])
        elif "option" in one.metadata:
            yield one.name, one.metadata["option"], one.default


def parse_options(
    kind: type[_T],
    description: str | None,
    *,
    usage: str | None = None,
    words: Sequence[str] | None = None,
    earlier: Mapping[str, Any] | None = None,
) -> _T:
    """Read the command line, or `words`; what is wrong is one line on stderr and exit code 2.

    `description` is the script's docstring. `earlier` are options of another run as `to_json`
    gave them, which count if an option is not given; names that are no option are passed over.
    """
    parser = OneLineParser(kind, description, usage)
    given = vars(parser.parse_args(words))
    for name, declared, _ in declared_options(kind):
        if name in given and declared.several:
            given[name] = tuple(given[name])
        elif name not in given and earlier is not None and name in earlier:
            given[name] = parser.value_of_earlier(name, declared, earlier[name])
    options = _made(kind, given)
    for fault in options.faults():
        parser.error(fault)
    return options


def _made(kind: type[_T], given: Mapping[str, Any]) -> _T:
    values = {}
    for one in fields(kind):
        if "part" in one.metadata:
            values[one.name] = _made(one.metadata["part"], given)
        elif "option" in one.metadata and one.name in given:
            values[one.name] = given[one.name]
    return kind(**values)


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, with the nearest option if one is unknown.

    It gives only what stands on the command line: the classes of options know the defaults.
    """

    def __init__(self, kind: type[Options], description: str | None, usage: str | None) -> None:
        """`description` is shown as it is written; `usage` follows the script's name."""
        super().__init__(
            usage=f"%(prog)s {usage or _usage(kind)}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            argument_default=argparse.SUPPRESS,
            allow_abbrev=False,
        )
        groups: dict[str | None, argparse._ActionsContainer] = {None: self}
        exclusive: dict[str, argparse._ActionsContainer] = {}
        for name, declared, default in declared_options(kind):
            if declared.group not in groups:
                groups[declared.group] = self.add_argument_group(declared.group)
            place = groups[declared.group]
            if declared.exclusive is not None:
                if declared.exclusive not in exclusive:
                    exclusive[declared.exclusive] = place.add_mutually_exclusive_group()
                place = exclusive[declared.exclusive]
            settings = {key: value for key, value in declared.settings.items() if value}
            if "action" not in settings or declared.several:
                settings["type"] = declared.parse
            if declared.is_positional:  # argparse would parse its mark for SUPPRESS as a value
                settings["default"] = None
            word = name if declared.is_positional else f"--{name}"
            place.add_argument(word, help=_help(declared, default), **settings)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        self.exit(EXIT_USAGE, f"error: {message}; see {self.prog} --help\n")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        """Parse; an unknown option is reported with the nearest known one."""
        for word in sys.argv[1:] if args is None else args:
            if not word.isprintable():
                self.error(f"{word!r} has characters that cannot be printed or are not UTF-8")
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            near = difflib.get_close_matches(unknown[0], self._option_string_actions, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.error(f"unknown argument {unknown[0]}{hint}")
        return parsed

    def value_of_earlier(self, name: str, declared: Declared, kept: Any) -> Any:
        """The value of an option that `Options.to_json` made `kept` of."""
        try:
            if declared.several:
                return tuple(declared.parse(str(word)) for word in kept)
            if isinstance(kept, list):
                kept = ",".join(map(str, kept))
            return declared.parse(kept) if isinstance(kept, str) else kept
        except (argparse.ArgumentTypeError, ValueError) as error:
            self.error(f"argument --{name} of the earlier run: {error}")


def _usage(kind: type[Options]) -> str:
    """Such as `RESULTS [RESULTS ...] --format FORMAT [options]`."""
    words = []
    for name, declared, default in declared_options(kind):
        if default is MISSING:
            metavar = declared.settings["metavar"]
            words.append(metavar if declared.is_positional else f"--{name} {metavar}")
            words += [f"[{metavar} ...]"] * declared.several
    return " ".join([*words, "[options]"])


def _help(declared: Declared, default: Any) -> str:
    """The help with the default, unless there is none or the help tells it in its own words."""
    if default in (None, (), MISSING) or default is False or "(default" in declared.help:
        return declared.help
    forms = {int: ",", float: "g"}
    return f"{declared.help} (default: {default:{forms.get(type(default), '')}})"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def positive_int(text: str, most: int = 10**9) -> int:
    """A whole number from 1 to `most`."""
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most:,}")
    return int(text)


def whole_number(text: str, most: int = 2**31 - 1) -> int:
    """A whole number from 0 to `most`, by default what every server can hold as a seed."""
    return 0 if text == "0" else positive_int(text, most)


def non_negative_float(text: str) -> float:
    """A finite number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def positive_float(text: str) -> float:
    """A finite number above 0."""
    value = non_negative_float(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def price(text: str) -> tuple[float, float]:
    """USD per million input and output tokens, written `IN,OUT`."""
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not IN,OUT (USD per million tokens)")
    return non_negative_float(parts[0]), non_negative_float(parts[1])


def comma_list(text: str) -> tuple[str, ...]:
    """The words between commas, without the empty ones."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def is_one_of(path: Path, others: Iterable[Path]) -> bool:
    """Whether a path leads to one of the others, by whatever way."""
    return path.resolve() in {other.resolve() for other in others}
