"""What the words before a grid say: which test input it answers, or that it was given."""

import re
from dataclasses import dataclass, replace

_LABEL = re.compile(
    r"(?<![a-z])(?:output|test|answer|prediction|solution|input|case|grid|result)s?"
    r"[ _#:*(\[-]{0,3}([0-9]{1,2})(?![0-9]|\.[0-9]|[ \t]*+[x×])"
    # not "in case 2 cells are equal":
    r"(?![ \t]++(?!(?:output|input|grid|test|answer|solution|prediction|is|gives|becomes|should"
    r"|would|will|must|was)\b)[a-z])",
    re.IGNORECASE,
)
_LETTER = re.compile(
    r"\b(?:[Tt]est|[Oo]utput|[Aa]nswer|[Pp]rediction|[Ss]olution|[Cc]ase)[ _(*]{1,3}([A-H])\b"
    r"(?![ \t]*[a-z0-9'])"
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_NUMERALS = ("1st", "2nd", "3rd", "4th", "5th", "6th")
_ORDINAL = re.compile(
    rf"\b({'|'.join(_ORDINALS + _NUMERALS)})[ _-]+(?:test|output|answer|prediction|solution|case)",
    re.IGNORECASE,
)
_LONGEST_ORDINAL_HEADING = 60
"""Longer lines are sentences, which may speak of other grids."""

_OUTPUT = re.compile(r"output|answer|prediction|solution", re.IGNORECASE)
_BECOMES = re.compile(
    r"result|\b(?:becomes?|gives?|yields?|turns? into)\b|(?:->|→|⇒)\W*$", re.IGNORECASE
)
_INPUT = re.compile("input", re.IGNORECASE)
_INPUT_TITLE = re.compile(
    r"\W*(?:(?:the|test|given|original)[ _])*input(?:[ _]grid)?[ #_]*[0-9]*(?:[ ]\([^)\n]*\))?"
    r"(?:[ ](?:is|was|again))?\W*$",
    re.IGNORECASE,
)
_APPLIED = re.compile(
    r"\b(?:appl(?:y|ied|ies|ying)|for|transform(?:ed|ing)?|solv\w+)\b", re.IGNORECASE
)
_PAIR = r"(?:train(?:ing)?|example|demonstration|demo|pair)"
_GIVEN = re.compile(
    rf"(?<![a-z]){_PAIR}(?:[ _-]*(?:{_PAIR}|input|output|case|grid|set))*s?"
    r"[ _#:(*-]*(?:[0-9]|(?-i:[A-Z]\b))"
    rf"|(?<![a-z]){_PAIR}(?:[ _-]+{_PAIR})*[ _'s-]*(?:input|output)"
    rf"|\b(?:first|second|third|last|1st|2nd|3rd)[ _-]{_PAIR}"
    rf"|^\W*{_PAIR}s?\W*$",
    re.IGNORECASE,
)
_TEST = re.compile(r"\btest[ _]*(?:output|input|pair|case|grid|example|#?[0-9])", re.IGNORECASE)
_OTHER_ATTEMPT = re.compile(r"attempt[ _#]?(?:[2-9]|1[0-9])", re.IGNORECASE)
_CELLS = re.compile(
    r"\b(?:cells?|positions?|coordinates?|coords|points?|pixels?|indices|locations?|corners?|at)"
    r"(?:[ \t]+(?:are|is|at|were|changed))?[ \t:=`(*]*$",
    re.IGNORECASE,
)
_BEGINS_WITH_LABEL = re.compile(
    r"[\W_]*(?:(?:the|my|so|final|predicted|corrected)\W+)*"
    r"(?:test|output|answer|prediction|solution)",
    re.IGNORECASE,
)
_OF_THE_TEST = re.compile(
    r"test|answer|predict|solution|final|correct|revised|actually|should be", re.IGNORECASE
)
_ANSWER = re.compile(
    r"(?:\b(?:answer|prediction|solution)|\b(?:test|final|predicted)[ _-]*(?:test[ _-]*)?"
    r"(?:output|grid|result|answer|state|prediction))s?"
    r"(?:[ _](?:grid|is|are|becomes?|(?:should|would|will|must) be|then|thus|therefore))*[\W_]*$"
    r"|^\W*final(?:ly)?\W*$"
    r"|\b(?:correct(?:ed|ion)|revised)\b(?:[ _](?:the|test|output|grid|is))*\W*$"
    r"|\b(?:output|grid|it) should (?:have been|be)\W*$",
    re.IGNORECASE,
)
_ARROW = re.compile(r"[\s\W]{0,20}(?:->|=>|→|⇒|⟶|\bto\b|becomes|gives)[\s\W]{0,20}")
_GENERIC = re.compile(r"[\W_]*(?:input|output)\b", re.IGNORECASE)
_PAIR_TITLE = re.compile(rf"[\W_]*{_PAIR}[^.\n]{{0,40}}$", re.IGNORECASE)
_SPEAKING = (_LABEL, _LETTER, _OUTPUT, _INPUT, _GIVEN, _OTHER_ATTEMPT, _ANSWER)


@dataclass(frozen=True, slots=True)
class Label:
    """What the words before a grid make of it."""

    place: int | None
    """The test input that it answers, from 1 (from 0 if the reply does so), if that is told."""
    is_answer: bool
    """Whether it is labelled as an answer (`Test output 1`, `Final answer`), not only as a grid."""
    is_given: bool
    """Whether it is a grid of a train pair, an input by its title, or a second attempt."""
    is_input: bool
    """Whether its sentence speaks of an input."""
    is_output: bool
    """Whether its sentence speaks of an output."""
    begins_pair: bool
    """Whether it is the input of a train pair, so that the next output is that pair's."""


def label_of(before: str, count: int, previous: Label | None) -> Label:
    """What a grid is, by the text between it and the grid before.

    Its heading is one of the last two lines with words in them: the nearer one that speaks of
    inputs or outputs. If only an arrow stands between the two grids, the label of the grid before
    says what this one is.
    """
    if previous and _ARROW.fullmatch(before):
        of_pair = previous.is_given and previous.begins_pair
        return replace(previous, is_given=of_pair, is_input=False, begins_pair=False)
    lines = [line for line in before.split("\n") if any(map(str.isalpha, line))]
    lines = [line for line in lines if not line.lstrip().startswith(("```", "~~~"))][-2:]
    at = max((at for at, line in enumerate(lines) if _speaks(line)), default=-1)
    heading = lines[at] if at >= 0 else ""
    place = _place_told(heading, count)
    of_pair = _is_of_a_pair(heading)
    if _GENERIC.match(heading) and place is None:
        goes_on = bool(previous and previous.begins_pair and not _INPUT.search(heading))
        of_pair = of_pair or goes_on or (at > 0 and bool(_PAIR_TITLE.match(lines[at - 1])))
    is_answer = _ANSWER if place is None else _OF_THE_TEST
    if count == 1 and place is None and _ANSWER.search(heading):
        place = 1
    return Label(
        place,
        bool(is_answer.search(heading)),
        of_pair or bool(_OTHER_ATTEMPT.search(heading) or _INPUT_TITLE.match(heading)),
        _is_of_an_input(heading),
        is_output=bool(_OUTPUT.search(heading)),
        begins_pair=of_pair and not _OUTPUT.search(heading),
    )


def begins_with_label(line: str) -> bool:
    """Whether a line begins with the words of a label, unlike `Number of outputs: 2`."""
    return bool(_BEGINS_WITH_LABEL.match(line))


def lists_cells(lead: str) -> bool:
    """Whether what leads to a list on its line says that it lists places in a grid."""
    return bool(_CELLS.search(lead))


def _speaks(line: str) -> bool:
    return any(pattern.search(line) for pattern in _SPEAKING)


def _is_of_a_pair(heading: str) -> bool:
    return bool(_GIVEN.search(heading) and not _TEST.search(heading))


def _is_of_an_input(heading: str) -> bool:
    others = (_OUTPUT, _BECOMES, _APPLIED)
    return bool(_INPUT.search(heading) and not any(each.search(heading) for each in others))


def _place_told(heading: str, count: int) -> int | None:
    places = [int(number) for number in _LABEL.findall(heading)]
    if not places:
        places = [1 + "ABCDEFGH".index(letter) for letter in _LETTER.findall(heading)]
    if not places and len(heading) <= _LONGEST_ORDINAL_HEADING:
        words = [word.lower() for word in _ORDINAL.findall(heading)]
        places = [1 + (_ORDINALS + _NUMERALS).index(word) % len(_ORDINALS) for word in words]
    return places[-1] if places and places[-1] <= count else None
