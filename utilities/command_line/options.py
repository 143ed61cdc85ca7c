"""Options declared once: the fields of a frozen dataclass, read from the command line.

    @dataclass(frozen=True, kw_only=True)
    class ReportOptions(Options):
        results: tuple[Path, ...] = argument("results files", "RESULTS")
        output: Path | None = option("where the page goes", "FILE")
        max_text: int = option("longest text, in characters", "N", default=20_000)
        strict: bool = flag("stop at the first fault")
        asking: AskingOptions = part(AskingOptions)

    options = parse_options(ReportOptions, __doc__)

A field's name is its option's name: `output` is given as `--output`. Its type says how the word is
read: an int is 1 or more, a float is above 0, a Literal names the choices, a tuple takes one word
or more. A part is another class of options, which stand beside these on the command line.

Every script takes `--config FILE` besides: a TOML file with options by their names.
"""

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from utilities.command_line import script as cli
from utilities.command_line.words import json_object, path_of, positive_float, positive_int
from utilities.errors import UsageError

_T = TypeVar("_T", bound="Options")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user asked for; the base of every class of options."""

    def fault(self) -> str | None:
        """What is wrong with options that are each right, in one line."""
        return None

    def fault_as_given(self, given: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - of others
        """What is wrong with them that only what was `given`, by name, can tell."""
        return None

    def to_json(self) -> dict[str, Any]:
        """Every option by its name as the metadata keep it, with paths as text."""
        shown: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if "part" in one.metadata:
                shown |= value.to_json()
            elif "option" in one.metadata:
                shown[one.name] = _plain(value)
        return shown


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def option(
    help: str,  # noqa: A002 - argparse's word
    metavar: str | None = None,
    *,
    default: Any = None,
    parse: Callable[[str], Any] | None = None,
    **settings: Any,
) -> Any:
    """An option with a value, `--name METAVAR`; the help names its default.

    `parse` makes the value of the word that was given, if the field's type does not say how; it
    raises argparse.ArgumentTypeError if it cannot. Of the settings, `group` is the heading in
    --help; of the options with the same `exclusive` no more than one may be given; the others
    (`required`, `choices`) are argparse's.
    """
    declared = {"help": help, "metavar": metavar, "type": parse, **settings}
    default = MISSING if settings.get("required") else default
    return field(default=default, metadata={"option": declared})


def argument(help: str, metavar: str, *, default: Any = MISSING) -> Any:  # noqa: A002
    """A value that is given without a name; it must be given, unless it has a default."""
    return option(help, metavar, default=default, is_positional=True)


def flag(help: str, **settings: Any) -> Any:  # noqa: A002
    """An option without a value, which is True if it is given; settings as in `option`."""
    return option(help, default=False, action="store_true", **settings)


def part(kind: type[Options]) -> Any:
    """The options of another class."""
    return field(default_factory=kind, metadata={"part": kind})


def unsafe_no_seccomp_flag(**settings: Any) -> Any:
    """Whether the sandbox may do without its filter of system calls."""
    help_ = "run programs even if system calls cannot be filtered; only if you trust them"
    return flag(help_, **settings)


@dataclass(frozen=True, slots=True)
class Declared:
    """An option, as its field and the field's type declare it."""

    name: str
    default: Any
    """MISSING if the option must be given."""
    settings: Mapping[str, Any]
    """What `add_argument` is told."""
    group: str | None
    exclusive: str | None
    is_positional: bool

    @property
    def is_several(self) -> bool:
        """Whether it takes one word or more; its value is then a tuple."""
        return self.settings.get("nargs") in {"+", "*"}

    def optional(self) -> "Declared":
        """The same option, which need not be given on the command line."""
        settings = {key: value for key, value in self.settings.items() if key != "required"}
        if self.is_positional:
            settings |= {"nargs": "*" if self.is_several else "?"}
        return replace(self, settings=settings, default=None)


def declared_options(kind: type[Options]) -> Iterator[Declared]:
    """Every option of a class and of its parts, in order."""
    types = get_type_hints(kind)
    for one in fields(kind):
        if "part" in one.metadata:
            yield from declared_options(one.metadata["part"])
        elif "option" in one.metadata:
            told = dict(one.metadata["option"])
            group, exclusive = told.pop("group", None), told.pop("exclusive", None)
            is_positional = told.pop("is_positional", False)
            if "action" not in told and told["type"] is None:
                told |= _reading(types[one.name])
            settings = {name: value for name, value in told.items() if value is not None}
            settings["help"] = _help(told["help"], one.default)
            if is_positional:  # argparse would parse its own mark for "not given" as a value
                settings |= {"default": None} | _nargs(one.default)
            yield Declared(one.name, one.default, settings, group, exclusive, is_positional)


def _nargs(default: Any) -> dict[str, str]:
    """How many words a value without a name takes, if its default says that it may be missing."""
    return {"nargs": "*"} if default == () else {"nargs": "?"} if default is None else {}


def _help(text: str, default: Any) -> str:
    """The help with the default, unless there is none or the help names it already."""
    if default in (None, (), MISSING) or default is False or "(default" in text:
        return text
    form = {int: ",", float: "g"}.get(type(default), "")
    return f"{text} (default: {default:{form}})"


def _reading(hint: Any) -> dict[str, Any]:
    """How the words for a field of this type are read."""
    if type(None) in get_args(hint):
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if get_origin(hint) is tuple:
        return {"nargs": "+", "action": "extend", **_reading(get_args(hint)[0])}
    readers = {int: positive_int, float: positive_float, Path: path_of}
    return {"type": readers.get(hint, hint)}


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
    gave them, which count for options that neither the command line nor its `--config` gives;
    unknown names are passed over.
    """
    words = sys.argv[1:] if words is None else words
    declared = list(declared_options(kind))
    path = _config_path(words)
    configured = {} if path is None else _read_config(path, declared)
    parser = OneLineParser(
        [one.optional() if one.name in configured else one for one in declared], description, usage
    )
    parsed = vars(parser.parse_args(words))
    given = {name: value for name, value in parsed.items() if value not in (None, [])}
    _take(configured, declared, given, parser, f"{path}: {{name}}")
    _take(earlier or {}, declared, given, parser, "argument --{name} of the earlier run")
    return _made(kind, given, parser)


def _config_path(words: Sequence[str]) -> Path | None:
    """The file that `--config` names on the command line."""
    path = None
    for place, word in enumerate(words):
        if word == "--":
            break
        if word == "--config" and place + 1 < len(words):
            path = Path(words[place + 1])
        elif word.startswith("--config="):
            path = Path(word.removeprefix("--config="))
    return path


def _read_config(path: Path, declared: Sequence[Declared]) -> dict[str, Any]:
    """The options in a file, by name; raises UsageError for a name that the script does not have.

    The error names the nearest one.
    """
    import tomllib  # 10 ms, which --help need not take

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--config {path}: it cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise UsageError(f"--config {path}: it is no TOML: {reason}") from error
    names = [one.name for one in declared]
    for name in found:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; it may have {', '.join(names)}"
            raise UsageError(f"--config {path}: this script has no option {name!r}{hint}")
    return found


def _take(
    kept: Mapping[str, Any],
    declared: Sequence[Declared],
    given: dict[str, Any],
    parser: argparse.ArgumentParser,
    place: str,
) -> None:
    """Let options count that are kept somewhere and not given yet.

    They yield to given options that exclude them. `place` says where they stand, for complaints.
    """
    excluded = {one.exclusive for one in declared if given.get(one.name)} - {None}
    taken: dict[str, str] = {}
    for one in declared:
        if one.name in given:
            given[one.name] = tuple(given[one.name]) if one.is_several else given[one.name]
        elif one.name in kept and one.exclusive not in excluded:
            where = place.format(name=one.name)
            try:
                value = _value_of(one, kept[one.name])
            except (argparse.ArgumentTypeError, ValueError, TypeError, RecursionError) as error:
                parser.error(f"{where}: {error}")
            if value and one.exclusive is not None:
                if one.exclusive in taken:
                    parser.error(f"{where}: not allowed beside {taken[one.exclusive]}")
                taken[one.exclusive] = one.name
            given[one.name] = value


def _value_of(declared: Declared, kept: Any) -> Any:
    """The value of an option that stands in a file as JSON or TOML has it.

    Raises ArgumentTypeError, or what else its parser raises, if it is none.
    """
    is_flag = "action" in declared.settings and not declared.is_several
    if kept is None:
        return None
    if is_flag or isinstance(kept, bool):
        if not (is_flag and isinstance(kept, bool)):
            raise argparse.ArgumentTypeError(f"{kept!r} is no value of it")
        return kept
    parse = declared.settings.get("type", str)
    if declared.is_several:
        words = kept if isinstance(kept, list) else [kept]
        return tuple(parse(str(word)) for word in words)
    if isinstance(kept, dict):
        if parse is not json_object:
            raise argparse.ArgumentTypeError("it takes no table")
        return parse(json.dumps(kept))
    value = parse(",".join(map(str, kept)) if isinstance(kept, list) else str(kept))
    choices = declared.settings.get("choices")
    if choices is not None and value not in choices:
        raise argparse.ArgumentTypeError(f"{kept!r} is none of {', '.join(map(str, choices))}")
    return value


def _made(kind: type[_T], given: Mapping[str, Any], parser: argparse.ArgumentParser) -> _T:
    values = {}
    for one in fields(kind):
        if "part" in one.metadata:
            values[one.name] = _made(one.metadata["part"], given, parser)
        elif "option" in one.metadata and one.name in given:
            values[one.name] = given[one.name]
    options = kind(**values)
    if (fault := options.fault() or options.fault_as_given(given)) is not None:
        parser.error(fault)
    return options


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, with the nearest option if one is unknown.

    It gives only what stands on the command line: the classes of options know the defaults.
    """

    def __init__(
        self, declared: Iterable[Declared], description: str | None, usage: str | None
    ) -> None:
        """`description` is shown as it is written; `usage` follows the script's name."""
        super().__init__(
            usage=f"%(prog)s {usage or _usage(declared)}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            argument_default=argparse.SUPPRESS,
            allow_abbrev=False,
        )
        groups: dict[str | None, argparse._ActionsContainer] = {None: self}
        for one in declared:
            if one.group not in groups:
                groups[one.group] = self.add_argument_group(one.group)
            place = groups[one.group]
            if one.exclusive is not None:
                if one.exclusive not in groups:
                    groups[one.exclusive] = place.add_mutually_exclusive_group()
                place = groups[one.exclusive]
            place.add_argument(one.name if one.is_positional else f"--{one.name}", **one.settings)
        self.add_argument(
            "--config",
            help="a TOML file with options by name; what is given here counts instead",
            metavar="FILE",
        )

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        self.exit(cli.EXIT_USAGE, f"error: {message}; see {self.prog} --help\n")

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


def _usage(declared: Iterable[Declared]) -> str:
    """Such as `RESULTS [RESULTS ...] --format FORMAT [options]`."""
    words = []
    for one in declared:
        if one.default is MISSING:
            metavar = one.settings["metavar"]
            words.append(metavar if one.is_positional else f"--{one.name} {metavar}")
            words += [f"[{metavar} ...]"] * one.is_several
    return " ".join([*words, "[options]"])
