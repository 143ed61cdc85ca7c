"""How a task's samples are spent: one file a strategy, and the table of them."""

from agents.strategies.rounds import Rounds
from agents.strategies.strategy import BestOf, Strategy

STRATEGIES: dict[str, type[Strategy]] = {"best_of": BestOf, "rounds": Rounds}
