"""Sources that break a careless reader of Python."""

MIRROR = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"


def deep_f_string(depth: int) -> str:
    """Python before 3.12 refuses it, Python from 3.12 on nests f-strings at will."""
    text = "1"
    for _ in range(depth):
        text = "f'{" + text + "}'"
    return text


HOSTILE_SOURCES = {
    "a thousand elifs": "if k:\n    pass\n" + "elif k:\n    pass\n" * 1000,
    "ten thousand elifs": "if k:\n    pass\n" + "elif k:\n    pass\n" * 10_000,
    "many unary minuses": "x = " + "-" * 2000 + "1\n",
    "still more unary minuses": "x = " + "-" * 200_000 + "1\n",
    "parentheses": "x = " + "(" * 10_000 + "1" + ")" * 10_000,
    "parentheses that stay open": "x = " + "([{" * 3000,
    "lists in lists": "x = " + "[" * 190 + "]" * 190,
    "attributes": "x = a" + ".b" * 2500,
    "many attributes": "x = a" + ".b" * 50_000,
    "calls": "x = f" + "()" * 2500,
    "subscripts": "x = f" + "[0]" * 2500,
    "a sum of 2,500 terms": "x = 1" + "+1" * 2500,
    "a sum of 50,000 terms": "x = 1" + "+1" * 50_000,
    "powers": "x = 1" + "**1" * 2500,
    "a sum of long lists": "x = [" + "1," * 50_000 + "]" + " + [1]" * 150,
    "lambdas": "x = " + "lambda: " * 900 + "1",
    "conditions": "x = " + "1 if a else " * 2500 + "1",
    "comprehensions": "x = " + "[[" * 90 + "a" + "] for a in b]" * 90,
    "functions in functions": "".join(f"{' ' * n}def f():\n" for n in range(99))
    + " " * 99
    + "pass",
    "blocks in blocks": "".join(f"{' ' * n}if a:\n" for n in range(500)) + " " * 500 + "pass",
    "nested f-strings": "x = " + deep_f_string(500),
    "a null byte": "x = '\0'",
    "a lone surrogate": "x = '\ud800'",
    "a number of many digits": "x = " + "7" * 5000,
    "a number that cannot be written in decimal": "x = 0x" + "f" * 5000,
    "names of functions": "def a(): 0\n" * 9000 + "b = c\n" * 20_000,
    "two megabytes": "x = 1\n" * 350_000,
    "two megabytes in a line": "x = " + "9" * 2_000_000,
    "odd escapes": r"x = '\d' is '\w'",
    "a form feed and a tab": "\fif a:\n\tx = 1\n        y = 2\n",
}
"""By name; each may follow a right program."""
