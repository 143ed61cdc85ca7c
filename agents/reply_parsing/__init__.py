"""What a raw reply says: its reasoning, its program, its grids.

Nothing here raises, whatever the text is, and all of it takes time linear in the text's length.

    markup                            plain characters, thinking apart, fences
    containers, strings               where a program may stand
    program_text                      lines → source that parses: prompts, marks, prose dropped
    entry_points                      which function answers
    definitions                       what the program lacks, out of other fences
    python_code                       the best of all blocks
    bracketed_, lined_, marked_grids  finders: text → grids with their offsets
    notations                         words and coordinates, if the prompt asked for them
    grid_labels                       what the words before a grid say of it
    grids                             a grid for each test input

A new form is a reader in one of these tables, and a line with such a reply in
`tests/reply_parsing/more_replies_with_….jsonl`: a block of `open_blocks` or `hidden_blocks` for a
container, a function in `_READINGS` for marks in it, a finder in `grids` for a notation.
"""

from agents.reply_parsing.grids import extract_grids
from agents.reply_parsing.python_code import ExtractedCode, extract_code
from agents.reply_parsing.reasoning import extract_reasoning, extract_thinking

__all__ = [
    "ExtractedCode",
    "extract_code",
    "extract_grids",
    "extract_reasoning",
    "extract_thinking",
]
