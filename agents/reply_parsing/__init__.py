"""What a raw reply says: its reasoning, its program, its grids.

Nothing here raises, whatever the text is, and all of it takes time linear in the text's length.
"""

from agents.reply_parsing.grids import extract_grids
from agents.reply_parsing.python_code import ExtractedCode, extract_code
from agents.reply_parsing.reasoning import extract_reasoning

__all__ = ["ExtractedCode", "extract_code", "extract_grids", "extract_reasoning"]
