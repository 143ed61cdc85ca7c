"""Types of options, for argparse: each takes the word that was given, or says what is wrong."""

from __future__ import annotations

import argparse


def positive_int(text: str, most: int = 10**9) -> int:
    """A whole number from 1 to `most`, for argparse."""
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    if not is_number or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most:,}")
    return int(text)


def sample_count(text: str) -> int:
    """How many samples a task may have, for argparse."""
    return positive_int(text, most=10_000)


def work_count(text: str) -> int:
    """How much work a search may do, for argparse."""
    return positive_int(text, most=10**15)


def seed(text: str) -> int:
    """A seed that every server can hold, for argparse."""
    return 0 if text == "0" else positive_int(text, most=2**31 - 1)


def non_negative_float(text: str) -> float:
    """A finite number of at least 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def positive_float(text: str) -> float:
    """A finite number above 0, for argparse."""
    value = non_negative_float(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def price(text: str) -> tuple[float, float]:
    """USD per million input and output tokens, written `IN,OUT`, for argparse."""
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not IN,OUT (USD per million tokens)")
    return non_negative_float(parts[0]), non_negative_float(parts[1])
