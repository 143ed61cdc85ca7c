"""The explanation in a reply."""

import re

from agents.reply_parsing.markup import find_fences, normalise_newlines, split_thinking
from agents.reply_parsing.python_code import take_code

_OPENING = re.compile(r"<reasoning>", re.IGNORECASE)
_CLOSING = re.compile(r"</reasoning>", re.IGNORECASE)
_TAG_LINE = re.compile(r"^[ \t]*</?[a-z_]{1,20}>[ \t]*$\n?", re.IGNORECASE | re.MULTILINE)
_NO_SENTENCE = ("#", "{", "}", "[", "]", '"', "\\")


def extract_reasoning(text: str, provider_reasoning: str | None) -> str | None:
    """The explanation of a reply; None where it has none.

    The program that `extract_code` takes is no part of it. The first of these that is not empty:
    1. what stands in `<reasoning>` blocks of the visible text; one never closed ends with the text,
    2. the visible text, if it explains: outside of fences some line of words is neither a heading
       nor an announcement that ends in a colon ("Here is the code:"), nor JSON or LaTeX,
    3. the thinking: the provider's own reasoning field, then what stands in `<think>` blocks.
    """
    thinking, visible = split_thinking(normalise_newlines(text))
    return _visible_reasoning(visible) or _thinking_of(thinking, provider_reasoning)


def _visible_reasoning(visible: str) -> str | None:
    taken = take_code(visible)
    rest = taken.rest if taken else visible
    if blocks := _reasoning_blocks(rest):
        return blocks
    rest = (_TAG_LINE.sub("", rest) if "<" in rest else rest).strip()
    return rest if _explains(rest) else None


def extract_thinking(text: str, provider_reasoning: str | None) -> str | None:
    """The thinking of a reply: the provider's own field, then `<think>` blocks; None without.

    If a reply explains nothing else, it is what `extract_reasoning` gives, too. What the visible
    text says in the very same words is no thinking.
    """
    thinking, visible = split_thinking(normalise_newlines(text))
    thought = _thinking_of(thinking, provider_reasoning)
    return None if thought is not None and thought == _visible_reasoning(visible) else thought


def _thinking_of(thinking: str, provider_reasoning: str | None) -> str | None:
    parts = [normalise_newlines(provider_reasoning or "").strip()]
    if thinking.strip() not in parts:  # some servers send the same thinking both ways
        parts.append(thinking.strip())
    return "\n\n".join(filter(None, parts)) or None


def _reasoning_blocks(visible: str) -> str:
    """The contents of all blocks, a blank line between them; the empty string without one."""
    blocks = [_CLOSING.split(piece, 1)[0].strip() for piece in _OPENING.split(visible)[1:]]
    return "\n\n".join(filter(None, blocks))


def _explains(text: str) -> bool:
    lines = text.split("\n")
    fences = find_fences(lines)
    fenced = {line for fence in fences for line in fence.span}
    return any(_is_sentence(line) for index, line in enumerate(lines) if index not in fenced)


def _is_sentence(line: str) -> bool:
    line = line.strip()
    if line.startswith(_NO_SENTENCE) or (line.startswith("**") and line.endswith("**")):
        return False
    return any(map(str.isalpha, line)) and not line.rstrip("*_` ").endswith(":")
