"""How many tokens a text has, about, without any model's tokeniser."""

from __future__ import annotations

import re

_PIECES = re.compile(r" ?[^\W\d_]+|\d{1,3}|\s+(?=\S)|[^\w\s]+|_+|\s+$")
_LETTERS_A_TOKEN = 8


def estimated_tokens(text: str) -> int:
    """Words (longer ones as several), groups of up to three digits, signs and spaces.

    So today's byte pair encodings cut a text up: a grid of spaced digits has a token for each
    digit and each space, prose one for four or five characters.
    """
    return sum(
        1 + len(piece) // _LETTERS_A_TOKEN if piece[-1].isalpha() else 1
        for piece in _PIECES.findall(text)
    )
