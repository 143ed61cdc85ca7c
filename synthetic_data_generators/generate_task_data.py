"""Make new tasks: an agent writes a generator of inputs and a solution, and both are run.

    python synthetic_data_generators/generate_task_data.py --max_tasks 200
    python synthetic_data_generators/generate_task_data.py --model_identifier GPT_MINI \
--made_from two_tasks --best_of 4 --solvable_by PROGRAM_SEARCH --max_cost_usd 5

Without a key tasks are composed of random grids and the embedded agent's transforms. Kept are
tasks that are valid, different, not constant, not a public task in any symmetry and colours, and
the same whenever their programs run. They stand in the folder new_tasks beside the results: a
dataset for --dataset_directory, a results entry for each task with its programs, and pairs for
--fresh_pairs. Every reply is journalled as it comes; the same command again goes on where the last
run ended and asks nothing twice.
"""

from utilities.command_line.script import run_script

import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from utilities.command_line.options import Options, flag, option, parse_options, part
from utilities.command_line.signals import run_until_stopped
from utilities.command_line.terminal import show
from utilities.command_line.words import whole_number
from utilities.config import TASK_DATA_DIRECTORY
from utilities.runs.options import SEARCH_OPTIONS, AskingOptions, OutputPlace

if TYPE_CHECKING:
    from agents.task_sources import MadeFrom, Sources

PLACE = OutputPlace(TASK_DATA_DIRECTORY, "task_data", "task_data_generation.log")
_ABOUT_A_DATASET = ("dataset", "dataset_directory", "task_ids", "largest_grid")


@dataclass(frozen=True, kw_only=True)
class TaskDataOptions(Options):
    """What the user asked for."""

    made_from: Literal["task", "two_tasks", "descriptions", "programs", "nothing"] | None = option(
        "what a new task is made from: a task of the dataset (default), two of them, a line of "
        "--descriptions, a program of --programs, or nothing (default without a model)"
    )
    descriptions: Path | None = option(
        "a file with a description a line, or JSON Lines of `description`, `task_id`, `licence`",
        "FILE",
    )
    programs: tuple[Path, ...] | None = option(
        "results files whose programs become rules on new inputs, such as those that "
        "relabel_programs.py wrote; no model is asked",
        "RESULTS",
        nargs="+",
        parse=Path,
    )
    allow_evaluation_sources: bool = flag("make new tasks of tasks of evaluation sets, too")
    licence: str | None = option("licence of the sources, for the records", "TEXT")
    solvable_by: str | None = option(
        "keep a task only if PROGRAM_SEARCH, or a model of this name, solves it in one sample",
        "NAME",
    )
    fresh_per_task: int = option(
        "fresh pairs to write for each new task", "N", default=50, parse=whole_number
    )
    asking: AskingOptions = part(AskingOptions)

    def fault(self) -> str | None:
        """Options that have nothing to act on."""
        of_search = self.asking.first_given(SEARCH_OPTIONS)
        unfit = {
            f"--{of_search}: nothing is searched; give --solvable_by PROGRAM_SEARCH as well": (
                of_search is not None and self.solvable_by is None and self.asking.agent is None
            ),
            "--vary: a new task has no view to be turned back; leave it out": (
                self.asking.vary is not None
            ),
            "--pairs_per_task: a new task takes two train pairs or more": (
                self.asking.draw.pairs_per_task < 2
            ),
        }
        if any(unfit.values()):
            return next(fault for fault, is_so in unfit.items() if is_so)
        files = {"descriptions": self.descriptions, "programs": self.programs}
        for name, given in files.items():
            if self.made_from == name and given is None:
                return f"--made_from {name}: give --{name} as well"
            if self.made_from not in (None, name) and given is not None:
                return f"--{name}: nothing to do with --made_from {self.made_from}"
        if all(given is not None for given in files.values()):
            return "--programs and --descriptions: give one of them"
        if self.wanted in ("descriptions", "programs", "nothing"):
            return self.fault_without_dataset(self.wanted)
        return None

    @property
    def wanted(self) -> "MadeFrom | None":
        """What was asked for; None if the agent decides."""
        if self.made_from is None and self.descriptions is not None:
            return "descriptions"
        return "programs" if self.made_from is None and self.programs else self.made_from

    def fault_without_dataset(self, made_from: str) -> str | None:
        """The first option that needs a dataset, if one is given."""
        names = (*_ABOUT_A_DATASET, "images")
        given = next((name for name in names if getattr(self.asking, name) is not None), None)
        return None if given is None else f"--{given}: nothing to do with --made_from {made_from}"


def sources_of(options: TaskDataOptions, made_from: "MadeFrom") -> "Sources":
    """What new tasks are made from; raises UsageError if it cannot be, or must not be, used."""
    from agents import task_sources
    from utilities.errors import UsageError
    from utilities.runs.run import selection_of, tasks_of

    asking = options.asking
    if made_from == "nothing":
        if fault := options.fault_without_dataset(made_from):
            raise UsageError(fault)
        return task_sources.sources_from_nothing(selection_of(asking))
    allowed = options.allow_evaluation_sources
    if made_from == "programs":
        assert options.programs is not None, "`fault` has seen to it"
        return task_sources.sources_of_programs(
            options.programs, selection_of(asking), allow_evaluation=allowed
        )
    if made_from == "descriptions":
        assert options.descriptions is not None, "`fault` has seen to it"
        return task_sources.sources_of_descriptions(
            options.descriptions, selection_of(asking), allow_evaluation=allowed
        )
    return task_sources.sources_of_tasks(
        tasks_of(asking, set()),
        in_twos=made_from == "two_tasks",
        seed=asking.draw.pairs_seed,
        allow_evaluation=allowed,
    )


async def generate(options: TaskDataOptions) -> int:
    """Ask for every source, then write what is new; returns the exit code."""
    from agents.opening import open_agent  # slow to import, so only once there are options
    from agents.task_making import MakingTasks, choose_solver, choose_task_maker
    from utilities.runs.run import open_run
    from utilities.training_data.known_tasks import PUBLIC_SETS, KnownTasks
    from utilities.training_data.new_tasks import NewTasks, TaskMaker
    from utilities.verification.verifier import LocalVerifier, VerifierSettings

    asking, draw = options.asking, options.asking.draw.draw
    chosen, made_from = choose_task_maker(asking.without(SEARCH_OPTIONS), options.wanted)
    solver = None if options.solvable_by is None else choose_solver(options.solvable_by, asking)
    sources = sources_of(options, made_from)
    async with AsyncExitStack() as stack:
        verifier = LocalVerifier(VerifierSettings(), opens_late=True)
        await stack.enter_async_context(verifier)
        keys = (*chosen.keys, *(solver.keys if solver else ()))
        opening = open_run(asking, PLACE, keys=keys, shown_options=options.to_json(), tasks=sources)
        run = await stack.enter_async_context(opening)
        opened = await stack.enter_async_context(open_agent(run, chosen))
        asks_none, solving = run.agent_without_model, None
        if solver is not None:
            solving = await stack.enter_async_context(open_agent(run, solver))
            run.agent_without_model = asks_none  # the samples are not the solver's
        maker = TaskMaker(verifier, KnownTasks(() if asking.dry_run else PUBLIC_SETS), draw)
        identity = {
            **opened.identity,
            "made_from": made_from,
            "pairs": [draw.train_pairs, draw.seed],
            **({} if solving is None else {"solvable_by": solving.identity}),
        }
        making = MakingTasks(
            opened.agent,
            maker,
            verifier,
            asking.best_of,
            identity,
            None if solving is None else solving.agent,
        )
        records = records_of(sources, made_from, options.licence, identity.get("prompt_hash"))
        new = NewTasks(run.store.place.directory / "new_tasks", records)
        code = await run.answer_tasks(
            making.answer, identity, observe=new.add, conclude=new.conclusion
        )
        if not asking.dry_run:
            show(*await new.write(maker, options.fresh_per_task))
    return code


def records_of(
    sources: "Sources", made_from: "MadeFrom", licence: str | None, prompt_hash: str | None
) -> dict[str, dict[str, Any]]:
    """For each source what the records of its new tasks say of it."""
    from utilities.config import DATA_DIRECTORY
    from utilities.tasks.public_sets import LICENCE

    is_public = sources.path.absolute().is_relative_to(DATA_DIRECTORY)
    usual = LICENCE if is_public and made_from != "descriptions" else None
    return {
        source.task_id: {
            "made_from": made_from,
            "source_licence": source.licence or licence or usual,
            "prompt_hash": prompt_hash,
        }
        for source in sources.sources
    }


def main() -> int:
    """Run the script."""
    return run_until_stopped(generate(parse_options(TaskDataOptions, __doc__)))


if __name__ == "__main__":
    sys.exit(run_script(main))
