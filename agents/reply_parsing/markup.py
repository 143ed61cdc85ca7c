"""What all of parsing rests on: plain characters, thinking tags and code fences."""

import re
from dataclasses import dataclass

_THINKING_TAG = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_FENCE = re.compile(
    r"(?P<indent>(?:[ \t]|>|[-*+][ \t]|\d{1,2}[.)][ \t])*)"
    r"(?P<mark>`{3,}|~{3,})[ \t]*(?P<label>[^`~\n]*)"
)
_LINE_END_TAG = re.compile(r"<(?:br|/tr)\b[^<>\n]{0,80}>", re.IGNORECASE)
_CELL_TAG = re.compile(r"<(?:/?t[dh]|tr)\b[^<>\n]{0,80}>", re.IGNORECASE)
_BLOCK_TAG = re.compile(
    r"</?(?:pre|code|answer|output|solution|prediction|result|grid|table)\b[^<>\n]{0,80}>",
    re.IGNORECASE,
)

_CODE_BEHIND_MARK = re.compile(
    r"(?:\w+[ \t]+)?((?:def[ \t]+\w+[ \t]*\(|import[ \t]|from[ \t]+\w+[ \t]+import\b"
    r"|\w+[ \t]*=[ \t]*lambda\b).*)"
)

_PLAIN_CHARACTERS = {
    **dict.fromkeys([0x00AD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0xFEFF], None),
    **dict.fromkeys([*range(0x2060, 0x2070)], None),
    **dict.fromkeys([0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " "),
    **dict.fromkeys(range(0xD800, 0xE000), "?"),
    **dict.fromkeys([0x2018, 0x2019], "'"),
    **dict.fromkeys([0x201C, 0x201D], '"'),
    0x2212: "-",
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
}
"""For invisible characters nothing, for odd blanks a blank, for lone surrogates what a journal
holds in their place, for typographic quotes, minus signs and wide characters the plain ones."""


def clean_characters(text: str) -> str:
    """A text without what editors and web pages put in place of plain characters."""
    return text if text.isascii() else text.translate(_PLAIN_CHARACTERS)


def normalise_newlines(text: str) -> str:
    """Windows and old Mac line ends become a line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def with_tags_on_lines(text: str) -> str:
    """A text with HTML's line ends and cells as plain ones, and a line for each other tag."""
    if "<" not in text:
        return text
    text = _LINE_END_TAG.sub("\n", _CELL_TAG.sub(" ", text))
    return _BLOCK_TAG.sub("\n\\g<0>\n", text)


def split_thinking(text: str) -> tuple[str, str]:
    """The text inside `<think>` blocks, and the visible rest.

    A closing tag ends what its opening tag began; without one (servers put the opening tag into
    the prompt) it ends everything before it. An opening tag that is never closed begins a block
    only where nothing visible comes before it: elsewhere it is a word of the text.
    """
    pieces: list[tuple[bool, str]] = []
    thought_until = position = 0
    inside = False
    for tag in _THINKING_TAG.finditer(text):
        closing = bool(tag[1])
        if inside and not closing:
            continue
        pieces.append((inside, text[position : tag.start()]))
        if closing and not inside:
            thought_until = len(pieces)
        position, inside = tag.end(), not closing
    thinking = [
        piece for index, (thought, piece) in enumerate(pieces) if thought or index < thought_until
    ]
    visible = [piece for thought, piece in pieces[thought_until:] if not thought]
    if inside and "".join(visible).strip():
        position = text.rindex("<", 0, position)
        inside = False
    (thinking if inside else visible).append(text[position:])
    return "\n".join(thinking), "".join(visible)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines out of a text, and the range of its lines that they take, a fence's marks included."""

    lines: list[str]
    span: range


def find_fences(lines: list[str]) -> list[Block]:
    """All fenced blocks, in order.

    As in CommonMark, a block ends at a mark of the same kind that is at least as long. Three rules
    differ from CommonMark. A mark with a label ends a block, too, unless that block's mark is
    longer: the writer forgot to close it. A mark at the end of a line of text counts. Marks may be
    indented by any depth.
    """
    fences: list[Block] = []
    opening: re.Match[str] | None = None
    start = 0

    def close(end: int, end_line: int, last: str = "") -> None:
        if opening is not None:
            body = [_outdented(line, len(opening["indent"])) for line in lines[start + 1 : end]]
            first = _CODE_BEHIND_MARK.match(opening["label"])
            body = [*filter(None, [first and first[1]]), *body, *filter(None, [last])]
            fences.append(Block(body, range(start, end_line)))

    for index, line in enumerate(lines):
        if "```" not in line and "~~~" not in line:
            continue
        match = _FENCE.fullmatch(clean_characters(line))
        if opening is None:
            opening, start = match, index
        elif match and _ends(match["mark"], opening["mark"]):
            labelled = bool(match["label"].strip())
            close(index, index if labelled else index + 1)
            opening, start = (match, index) if labelled else (None, index)
        elif not match and (glued := _before_glued_mark(line, opening["mark"])):
            close(index, index + 1, _outdented(glued, len(opening["indent"])))
            opening = None
    close(len(lines), len(lines))
    return fences


def _ends(mark: str, opened_by: str) -> bool:
    return mark[0] == opened_by[0] and len(mark) >= len(opened_by)


def _before_glued_mark(line: str, mark: str) -> str:
    bare = line.rstrip()
    kept = bare.rstrip(mark[0])
    return kept if len(bare) - len(kept) >= len(mark) and mark not in kept else ""


def _outdented(line: str, indent: int) -> str:
    """Drops at most `indent` leading blanks (or the quote marks that stand for them)."""
    lead = line[:indent]
    return lead.lstrip(" \t>") + line[indent:]
