"""Writes how a candidate was found and what speaks for it, in plain words.

Every line follows from the search or from the candidate's outputs; weak evidence is named.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from agents.program_search.search.candidates import Candidate, State
from agents.program_search.search.evidence import Evidence
from agents.program_search.search.mosaic import table_of
from agents.program_search.search.rules import listing
from agents.program_search.transforms.perception import OBJECTS, background, lines, parts
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.program import steps_in_words

FAILURES_SHOWN = 4
LARGEST_GRID_SHOWN = 144
SEEN_CUT = "one_colour_corners"
MOST_COUNTED = 12
"""The number of objects is left out if there are more than this."""
AGAIN = "again without each train pair in turn"
UNCHECKED_NOTE = "- With a single train pair the fitted cases cannot be checked on another one."
TEST_INPUTS_NOTE = (
    "(Test inputs, never their outputs, took part: programs were compared by what they give for "
    "them, and rules by whether they cover them.)"
)


class TraceWriter:
    """Writes the traces of one task's candidates."""

    def __init__(
        self, inputs: Sequence[Array], outputs: Sequence[Array], states: Sequence[State]
    ) -> None:
        """`inputs` are those of train, then test; `states` are the first that the search made."""
        self.inputs, self.outputs, self.states = inputs, outputs, states
        self.pairs = len(outputs)

    def write(self, candidate: Candidate, evidence: Evidence, *, rivals: int, others: int) -> str:
        """The trace of a candidate.

        `rivals` is the number of other programs that fit and give the same test outputs, `others`
        that of the other answers.
        """
        sections = {
            "What the pairs show": self.observations(),
            "What was tried first": self.failures(candidate),
            "The rule": self.rule(candidate),
            "Checks": self.checks(candidate, evidence, rivals, others),
            "The answer": self.answer(candidate),
        }
        return "\n\n".join(f"{title}:\n" + "\n".join(lines) for title, lines in sections.items())

    def observations(self) -> list[str]:
        """What is common to the shapes of all train pairs, and one line for each pair."""
        common = [f"- {words}." for words in proportion(self.inputs[: self.pairs], self.outputs)]
        pairs = enumerate(map(pair_words, self.inputs, self.outputs), 1)
        return [*common, *(f"- Pair {number}: {words}." for number, words in pairs)]

    def failures(self, candidate: Candidate) -> list[str]:
        """The nearest of the cheaper ideas, each with a pair that speaks against it."""
        ideas = [state for state in self.states if state.steps != candidate.steps]
        cheaper = [state for state in ideas if state.cost <= candidate.cost]
        nearest = sorted(cheaper, key=self._distance)[:FAILURES_SHOWN]
        lines = [line for state in nearest for line in self._failure(state)]
        if candidate.renumbered:
            lines.append(
                "- Rules about the colours as they are: none found passes all checks, so colours "
                "were also looked at by how common they are."
            )
        lines += [f"- {text}" for text in candidate.failures]
        return lines or ["- Nothing: this was the first idea."]

    def _distance(self, state: State) -> float:
        """The mean share of cells in which the pictures differ from the outputs."""
        shares = [
            float((grid != wanted).mean()) if grid.shape == wanted.shape else 1.0
            for grid, wanted in zip(state.grids, self.outputs, strict=False)
        ]
        return sum(shares) / len(shares)

    def _failure(self, state: State) -> Iterator[str]:
        for pair, (grid, wanted) in enumerate(zip(state.grids, self.outputs, strict=False), 1):
            if grid.shape != wanted.shape:
                why = f"gives {shape_words(grid.shape)}, not {shape_words(wanted.shape)}"
            elif (grid != wanted).any():
                why = f"leaves {count_of(int((grid != wanted).sum()), 'cell')} wrong"
            else:
                continue
            steps = "; then ".join(step.sentence() for step in state.steps)
            yield f"- {(steps or 'keep the grid as it is').capitalize()}: {why} on pair {pair}."
            return

    def rule(self, candidate: Candidate) -> list[str]:
        """The program step by step; the finish is its last step."""
        lines = []
        for number, (first, *more) in enumerate(steps_in_words(candidate), 1):
            lines += [f"{number}. {first}", *(f"   - {line}" for line in more)]
        return lines

    def checks(
        self, candidate: Candidate, evidence: Evidence, rivals: int, others: int
    ) -> list[str]:
        """How the program does on every train pair, and what is weak about it."""
        right = sum(map(np.array_equal, candidate.outputs, self.outputs))
        lines = [f"- The program gives the output of {right} of {self.pairs} train pairs."]
        if candidate.left_out is None:
            lines.append("- Its steps were chosen to agree with all pairs; no table was fitted.")
        elif self.pairs == 1:
            lines.append(UNCHECKED_NOTE)
        else:
            chosen = " (what the table is about was chosen with all pairs)"
            refits = left_out_words(candidate.left_out, "weak evidence", chosen)
            lines.append(f"- Fitted {AGAIN}, the table of cases is right on {refits}.")
        if evidence.again:
            searches = left_out_words(evidence.again, "so this is a guess")
            lines.append(f"- Searched {AGAIN}, the best program found is right on {searches}.")
        if candidate.unseen:
            share = f"{100 * candidate.unseen:.1f} % of the test cells"
            lines.append(f"- Caveat: {share} are a case that no train pair shows.")
        if evidence.by_rank:
            lines.append("- Caveat: what tells colours by how common they are may fit by chance.")
        lines.append(self._rivals_line(evidence, rivals, others))
        if self.pairs == 1:
            lines.append("- Caveat: one train pair is little evidence.")
        return [*lines, self._verdict_line(evidence)]

    def _verdict_line(self, evidence: Evidence) -> str:
        verdict = "found" if evidence.is_found() else "a guess"
        if not evidence.is_first:
            verdict = "another program beside a better one"
        if self.pairs == len(self.inputs):
            return f"- Verdict: {verdict}."
        return (
            f"- Verdict: {verdict}; with such evidence about {100 * evidence.confidence():.0f} % "
            "of the answers on ARC-1 training were right."
        )

    def _rivals_line(self, evidence: Evidence, rivals: int, others: int) -> str:
        if self.pairs == len(self.inputs):
            return f"- {count_of(rivals + others, 'other program')} found fit the train pairs too."
        if not rivals and not others:
            return "- No other program that was found fits the train pairs."
        same = (
            f"{count_of(rivals, 'other program')} found to fit the pairs "
            f"{'gives' if rivals == 1 else 'give'} the same test outputs"
            if rivals
            else "No other program found gives these test outputs"
        )
        if not others:
            return f"- {same}; none gives different ones."
        ranks = ("first", "second", "third")
        place = ranks[evidence.place] if evidence.place < len(ranks) else f"{evidence.place + 1}th"
        return (
            f"- {same}; programs with {count_of(others, 'other answer')} fit the pairs as well. "
            f"This answer comes {place}, with {100 * evidence.share:.0f} % of the weight of all "
            "(short descriptions weigh more)."
        )

    def answer(self, candidate: Candidate) -> list[str]:
        """The grids that the program gives for the test inputs, or how to apply it."""
        if self.pairs == len(self.inputs):
            return ["- Apply the steps of the rule, in their order, to any new input."]
        lines, tests = [], zip(self.inputs, candidate.outputs, strict=True)
        for number, (given, grid) in enumerate([*tests][self.pairs :], 1):
            is_shown = grid.size <= LARGEST_GRID_SHOWN
            shapes = f"{shape_words(given.shape)}, becomes {shape_words(grid.shape)}"
            change = colour_change(given, grid) + (":" if is_shown else ".")
            lines.append(f"- Test input {number}, {shapes}; {change}")
            if is_shown:
                lines += ["  " + " ".join(map(str, row)) for row in grid.tolist()]
        return [*lines, TEST_INPUTS_NOTE]


def left_out_words(flags: Sequence[bool], if_missed: str, if_right: str = "") -> str:
    """How many of the pairs left out are right, which are not, and what follows from it."""
    missed = listing(f"pair {number}" for number, right in enumerate(flags, 1) if not right)
    what = f", not on {missed}: {if_missed}" if missed else if_right
    return f"{sum(flags)} of {len(flags)} pairs left out{what}"


def pair_words(given: Array, wanted: Array) -> str:
    """What a pair shows, in one line."""
    shapes = f"{shape_words(given.shape)} becomes {shape_words(wanted.shape)}"
    return "; ".join([shapes, *part_words(given, wanted), colour_change(given, wanted)])


def proportion(inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterator[str]:
    """How many times as tall and wide one side is as the other, if it is so in every pair."""
    for small, large, words in (
        (inputs, outputs, "the output is {} as the input"),
        (outputs, inputs, "the input is {} as the output"),
    ):
        sizes = zip(table_of(small, large) or (), ("tall", "wide"), strict=False)
        times = [f"{number} times as {way}" for number, way in sizes if number > 1]
        if times:
            yield "In every pair " + words.format(" and ".join(times))


def part_words(given: Array, wanted: Array) -> Iterator[str]:
    """The panes of the input, and the number of objects before and after."""
    line = lines(given)
    if line.any() and (given[line] != background(given)).all():
        panes = count_of(len(parts(given, "panes")), "pane")
        yield f"full lines of {COLOURS[int(given[line][0])]} cut the input into {panes}"
    before, after = (len(parts(grid, SEEN_CUT)) for grid in (given, wanted))
    if 1 <= before <= MOST_COUNTED and background(given) == background(wanted):
        yield f"{count_of(before, OBJECTS[SEEN_CUT].split(' (')[0])} before, {after} after"


def colour_change(given: Array, wanted: Array) -> str:
    """The cells that change if the shape stays, else the input's colours; then new and lost."""
    before, after = set(np.unique(given).tolist()), set(np.unique(wanted).tolist())
    new, gone, texts = after - before, before - after, []
    if given.shape == wanted.shape:
        changed = given != wanted
        moves = sorted({*zip(given[changed].tolist(), wanted[changed].tolist(), strict=True)})
        words = [f"{COLOURS[one]} to {COLOURS[other]}" for one, other in moves]
        text = f"{int(changed.sum())} of {given.size} cells change"
        texts.append(f"{text} ({listing(words, most=5)})" if words else text)
    else:
        texts.append(f"the input has {colours_words(before)}")
    if new:
        texts.append(f"{colours_words(new)} {'is' if len(new) == 1 else 'are'} new")
    if gone:
        texts.append(f"{colours_words(gone)} disappear{'s' if len(gone) == 1 else ''}")
    return "; ".join(texts)


def count_of(number: int, noun: str) -> str:
    """`1 cell`, `3 cells`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shape_words(shape: tuple[int, ...]) -> str:
    """Rows × columns."""
    return f"{shape[0]}×{shape[1]}"


def colours_words(colours: Iterable[int]) -> str:
    """The colours by name and number, in their order."""
    return listing(COLOURS[colour] for colour in sorted(colours))
