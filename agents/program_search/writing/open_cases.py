"""The cases of a rule that the pairs leave open: shown by one pair only, or by none."""

from collections.abc import Iterator, Sequence

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.rules import OWN, Case, Rule, listing, values_words
from agents.program_search.search.views import in_ranks
from agents.program_search.transforms.registry import Array
from agents.program_search.writing.grid_words import cells_words
from agents.program_search.writing.rule_working import outcome_of, values
from agents.program_search.writing.task_grids import TaskGrids

LONGEST_CASES = 240
"""Cases are told in so many letters; what exceeds them is counted."""
MOST_PAIRS = 3
"""The cases of at most so many pairs are told."""


def shown_once(grids: TaskGrids, candidate: Candidate, left_out: Sequence[bool]) -> list[str]:
    """Which cases only one pair shows, of the pairs without which the rule is not settled."""
    rule, pairs = candidate.finish, [n for n, is_right in enumerate(left_out) if not is_right]
    if not isinstance(rule, Rule):
        return [f"- If {pairs_words(left_out)} is left out, something else fits the rest."]
    cases = [cases_in(rule, *grids.seen(candidate, pair)) for pair in range(grids.pairs())]
    lines, subject = list[str](), next((answer_to(rule.noun(one)) for one in rule.named()), "")
    for pair in pairs[:MOST_PAIRS]:
        own = cases[pair].difference(*cases[:pair], *cases[pair + 1 :])
        if own := listed_of(rule, own) or own:
            words = shortened(rule.case_words(own, subject))
            lines.append(f"- Only pair {pair + 1} shows what becomes of a cell if {words}.")
    if len(pairs) > MOST_PAIRS:
        lines.append("- The other pairs, too, show cases that no other pair shows.")
    return lines or [f"- If {pairs_words(left_out)} is left out, another rule fits the rest."]


def shortened(words: str) -> str:
    """The cases, or the first of them and how many more there are."""
    told, *others = words.split("; or ")
    while others and len(told) + len(others[0]) < LONGEST_CASES:
        told = f"{told}; or {others.pop(0)}"
    return f"{told}; and in {len(others)} cases more" if others else told


def open_lines(grids: TaskGrids, candidate: Candidate) -> Iterator[str]:
    """The cells of test inputs of whose case the pairs do not tell what becomes."""
    rule = candidate.finish
    if not isinstance(rule, Rule) or not rule.facts:
        return
    colours: dict[Case, set[int]] = {}
    for pair in range(grids.pairs()):
        start, picture = grids.seen(candidate, pair)
        for case, colour in zip(cases_of(rule, start, picture), picture.flat, strict=True):
            colours.setdefault(case, set()).add(int(colour))
    for number in range(grids.pairs(), len(grids.inputs)):
        start, picture = grids.seen(candidate, number)
        cells = list(zip(cases_of(rule, start, picture), picture.ravel().tolist(), strict=True))
        new = [place for place, (case, _) in enumerate(cells) if case not in rule.table]
        kept = [
            place
            for place, (case, colour) in enumerate(cells)
            if rule.table.get(case) == OWN and colour not in colours[case]
        ]
        test = f"of test input {number - grids.pairs() + 1}"
        if new:
            so = outcome_of(len(new), rule.outcome(rule.otherwise))
            so = in_ranks(so) if candidate.renumbered else so
            what = "its case" if len(new) == 1 else "their cases"
            words = unshown_words(candidate, start, picture)
            words = f" ({words})" if words else ""
            where = cells_words(new, picture.shape[1])
            yield f"- {where} {test}: no pair shows {what}{words}; that {so} is a guess."
        if kept:
            where = cells_words(kept, picture.shape[1])
            keep = "it keeps its" if len(kept) == 1 else "they keep their"
            yield (
                f"- {where} {test}: the pairs show such a case only on cells of other colours; "
                f"that {keep} colour is a guess."
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


def unshown_words(candidate: Candidate, start: Array, picture: Array) -> str:
    """Which numbers or colours of the facts to look at the picture has and no train pair shows."""
    rule, words = candidate.finish, list[str]()
    if not isinstance(rule, Rule):
        return ""
    for fact in rule.named():
        place = rule.facts.index(fact)
        seen_there = {*values(fact, picture, start).ravel().tolist()}
        new = sorted(seen_there.difference(case[place] for case in rule.table))
        if new and not fact.answers():
            name = f"({rule.names()[place]})" if len(rule.named()) > 1 else rule.noun(fact)
            words.append(f"{values_words(new, fact.reads())} as {name}")
    told = "; ".join(words)
    return in_ranks(told) if candidate.renumbered else told


def cases_of(rule: Rule, start: Array, picture: Array) -> list[Case]:
    """The case of each cell of the picture, row by row."""
    facts = (values(fact, picture, start).ravel().tolist() for fact in rule.facts)
    return list(zip(*facts, strict=True))


def cases_in(rule: Rule, start: Array, picture: Array) -> set[Case]:
    """The cases that the picture's cells show."""
    return set(cases_of(rule, start, picture))


def listed_of(rule: Rule, cases: set[Case]) -> set[Case]:
    """Those of the cases that have another outcome than "Otherwise"."""
    return {case for case in cases if rule.table.get(case) != rule.clauses()[1]}


def answer_to(noun: str) -> str:
    """What may be said of a fact to be its value; questions are quoted."""
    return noun if noun.startswith("the ") else f'the answer to "{noun}"'


def pairs_words(flags: Sequence[bool]) -> str:
    """The pairs whose flag is False."""
    if len(flags) > 2 and not any(flags):
        return "any one of the pairs"
    told = [f"pair {number}" for number, right in enumerate(flags, 1) if not right]
    return " or ".join(told)
