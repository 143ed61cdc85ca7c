"""Verdicts: what programs gave, compared with what was expected."""
