"""How a task's samples are spent: one file a strategy, and the table of them."""

from agents.base import Agent
from agents.strategies.chains import Chains
from agents.strategies.evolve import Evolve
from agents.strategies.rounds import RefiningAgent, Rounds
from agents.strategies.strategy import BestOf, Judge, Limits, StopRule, Strategy
from utilities.command_line.terminal import say
from utilities.runs.options import AskingOptions
from utilities.runs.strategy_options import StrategyOptions

STRATEGIES: dict[str, type[Strategy]] = {
    "best_of": BestOf,
    "rounds": Rounds,
    "chains": Chains,
    "evolve": Evolve,
}


def strategy_of(
    options: StrategyOptions, asking: AskingOptions, agent: Agent, judge: Judge, agent_name: str
) -> Strategy:
    """The strategy that the options ask for; best_of if the agent cannot refine, and says so."""
    name = options.name
    if name != "best_of" and not isinstance(agent, RefiningAgent):
        word = "--refine" if name == "rounds" else f"--strategy {name}"
        say(f"{word}: {agent_name} has nothing to refine; it gets no further rounds")
        name = "best_of"
    limits = Limits(
        best_of=asking.best_of,
        refine=options.refine,
        steps=options.steps,
        seed=asking.seed or 0,
        reshuffles=asking.vary is None,  # views change the order of the pairs, too
        stop=StopRule.of(options),
        evolution=options,
    )
    return STRATEGIES[name](agent, judge, limits)
