"""The cases of a rule that the pairs leave open: shown by one pair only, or by none."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.rules import Case, Rule, listing, values_words
from agents.program_search.search.sources import Source
from agents.program_search.search.views import in_ranks
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.first_steps import gives_size_only, steps_told
from agents.program_search.writing.grid_words import cells_words, shape_words
from agents.program_search.writing.rule_working import outcome_of, values
from agents.program_search.writing.several_colours import meeting_several, unseen_meetings
from agents.program_search.writing.task_grids import TaskGrids

LONGEST_CASES = 240
"""Cases are told in so many letters; what exceeds them is counted."""
MOST_PAIRS = 3
"""The cases of at most so many pairs are told."""


def shown_once(grids: TaskGrids, candidate: Candidate, left_out: Sequence[bool]) -> list[str]:
    """Which cases only one pair shows, of the pairs without which the rule is not settled."""
    rule, pairs = candidate.finish, sorted(range(len(left_out)), key=left_out.__getitem__)
    if not isinstance(rule, Rule):
        return []
    cases = [cases_in(rule, *grids.seen(candidate, pair)) for pair in range(grids.pairs())]
    lines, subject = list[str](), subject_of(rule)
    for pair in pairs:
        own = cases[pair].difference(*cases[:pair], *cases[pair + 1 :])
        if own := listed_of(rule, own):
            words = shortened(rule.case_words(own, subject))
            lines.append(f"- Only pair {pair + 1} shows what becomes of a cell if {words}.")
    if len(lines) > MOST_PAIRS:
        lines[MOST_PAIRS:] = ["- Other pairs, too, show cases that no other pair shows."]
    return lines


def shortened(words: str) -> str:
    """The cases, or the first of them and how many more there are."""
    told, *others = words.split("; or ")
    while others and len(told) + len(others[0]) < LONGEST_CASES:
        told = f"{told}; or {others.pop(0)}"
    return f"{told}; and in {len(others)} cases more" if others else told


def open_lines(grids: TaskGrids, candidate: Candidate) -> Iterator[str]:
    """The cells of test inputs of whose case the pairs do not tell what becomes."""
    rule = candidate.finish
    if not isinstance(rule, Rule):
        return
    colours, shown = dict[Source, set[int]](), set[Source]()
    for pair in range(grids.pairs()):
        start, picture = grids.seen(candidate, pair)
        cases = cases_of(rule, start, picture) if rule.facts else []
        for case, colour in zip(cases, picture.flat, strict=False):
            colours.setdefault(rule.table.get(case, rule.otherwise), set()).add(int(colour))
        met = meeting_several(rule, start, picture)
        shown.update(outcome for outcome, places in met.items() if places)
    known = set().union(*colours.values())
    for number in range(grids.pairs(), len(grids.inputs)):
        start, picture = grids.seen(candidate, number)
        whose = f"test input {number - grids.pairs() + 1}"
        if candidate.steps:
            size = shape_words(picture.shape)
            whose = f"what the first {steps_word(candidate)} of {whose} ({size})"
        told = [*unseen(rule, start, picture)] if rule.facts else []
        if rule.facts and not gives_size_only(candidate):
            told += kept(rule, start, picture, colours, known)
        told += unseen_meetings(rule, start, picture, shown)
        for places, words in told:
            where = cells_words(places, picture.shape[1])
            line = f"{where} of {whose}: {words} is a guess."
            yield f"- {in_ranks(line) if candidate.renumbered else line}"


def unseen(rule: Rule, start: Array, picture: Array) -> Iterator[tuple[list[int], str]]:
    """The cells of cases that no pair shows: first those with a new value, then the others."""
    cases = cases_of(rule, start, picture)
    new = [place for place, case in enumerate(cases) if case not in rule.table]
    with_values = [place for place in new if has_new_value(rule, cases[place])]
    others = sorted({*new}.difference(with_values))
    subject = subject_of(rule)
    for places in filter(None, (with_values, others)):
        words = unshown_words(rule, start, picture)
        if places is others:
            words = rule.case_words({cases[place] for place in others}, subject)
        what = "its case" if len(places) == 1 else "their cases"
        what = f"{what} ({words})" if 0 < len(words) < LONGEST_CASES else what
        so = outcome_of(len(places), rule.outcome(rule.otherwise))
        yield places, f"no pair shows {what}; that {so}"


def kept(
    rule: Rule,
    start: Array,
    picture: Array,
    colours: Mapping[Source, set[int]],
    known: Collection[int],
) -> Iterator[tuple[list[int], str]]:
    """The cells whose case the pairs show on other colours only, by what becomes of them.

    Of colours that no pair has it is not told: that they are new is said of the whole grid.
    """
    cells = enumerate(zip(cases_of(rule, start, picture), picture.ravel().tolist(), strict=True))
    found: dict[Source, list[int]] = {}
    for place, (case, colour) in cells:
        outcome = rule.table.get(case)
        if outcome is not None and colour in known and colour not in colours[outcome]:
            found.setdefault(outcome, []).append(place)
    for outcome, places in found.items():
        so = outcome_of(len(places), rule.outcome(outcome))
        own = listing(COLOURS[one] for one in sorted({int(picture.flat[n]) for n in places}))
        are = f"{'it is' if len(places) == 1 else 'these are'} {own}"
        whose = "its" if len(places) == 1 else "their"
        yield (
            places,
            f"{are}, and the pairs show {whose} case on cells of other colours only; that {so}",
        )


def telling_pairs_apart(grids: TaskGrids, candidate: Candidate) -> Iterator[str]:
    """The numbers of a whole grid that differ from pair to pair."""
    rule = candidate.finish
    if not isinstance(rule, Rule) or grids.pairs() == 1:
        return
    named = [one for one in rule.named() if one.origin == "number"]
    starts = [grids.seen(candidate, pair)[0] for pair in range(grids.pairs())]
    shown = {tuple(int(values(one, start, start).flat[0]) for one in named) for start in starts}
    if not named or len(shown) < len(starts):
        return
    letters = [f"({rule.names()[rule.facts.index(one)]})" for one in named]
    noun = listing(letters) if len(rule.named()) > 1 else answer_to(rule.noun(named[0]))
    differs = "differs" if len(named) == 1 else "together differ"
    told = f"{noun[0].upper()}{noun[1:]} {differs} from pair to pair"
    yield f"- {told}, so {'it' if len(named) == 1 else 'they'} may only tell the pairs apart."


def unshown_words(rule: Rule, start: Array, picture: Array) -> str:
    """Which numbers or colours of the facts to look at the picture has and no train pair shows."""
    words = list[str]()
    for fact in rule.named():
        place = rule.facts.index(fact)
        seen_there = {*values(fact, picture, start).ravel().tolist()}
        new = sorted(seen_there.difference(case[place] for case in rule.table))
        if new and not fact.answers():
            name = f"({rule.names()[place]})" if len(rule.named()) > 1 else rule.noun(fact)
            words.append(f"{values_words(new, fact.reads())} as {name}")
    return "; ".join(words)


def cases_shown(grids: TaskGrids, candidate: Candidate, pair: int) -> int:
    """How many of the groups of cases that the rule tells the pair shows."""
    rule = candidate.finish
    if not isinstance(rule, Rule) or not rule.facts:
        return 0
    shown = cases_in(rule, *grids.seen(candidate, pair))
    listed = rule.clauses()[0].values()
    return sum(
        any(case in shown for case in product(*box)) for one in listed for box in rule.boxes(one)
    )


def has_new_value(rule: Rule, case: Case) -> bool:
    """Whether a fact that is named has a value that it has in no case of the pairs."""
    places = [rule.facts.index(fact) for fact in rule.named() if not fact.answers()]
    return any(case[place] not in {one[place] for one in rule.table} for place in places)


def cases_of(rule: Rule, start: Array, picture: Array) -> list[Case]:
    """The case of each cell of the picture, row by row."""
    facts = (values(fact, picture, start).ravel().tolist() for fact in rule.facts)
    return list(zip(*facts, strict=True))


def cases_in(rule: Rule, start: Array, picture: Array) -> set[Case]:
    """The cases that the picture's cells show."""
    return set(cases_of(rule, start, picture))


def steps_word(candidate: Candidate) -> str:
    """The end of "what the first …" for the steps of the candidate."""
    return "step makes" if steps_told(candidate) == 1 else "steps make"


def listed_of(rule: Rule, cases: set[Case]) -> set[Case]:
    """Those of the cases that have another outcome than "Otherwise"."""
    return {case for case in cases if rule.table.get(case) != rule.clauses()[1]}


def subject_of(rule: Rule) -> str:
    """What cases are told of if one thing is looked at; "" if that is a question of yes or no."""
    noun = next((rule.noun(one) for one in rule.named()), "")
    return "" if not noun or noun.startswith("whether ") else answer_to(noun)


def answer_to(noun: str) -> str:
    """What may be said of a fact to be its value; questions are quoted."""
    return noun if noun.startswith("the ") else f'the answer to "{noun}"'
